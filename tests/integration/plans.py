# SPDX-License-Identifier: Apache-2.0
"""The mixed lists of requests that the tests send: what is asked, what is answered, which calls
each request makes."""

import load

SELECT_PRODUCTS = ("SELECT products",)
UPLOAD = ("SELECT products", "S3.PutObject", "UPDATE products")
UPLOAD_ITEM = ("SELECT items", "S3.PutObject", "UPDATE items")
STORED = 100  # objects stored before the mixed list reads them


def uploads(prefix, count=STORED, first=1000):
    """One upload each to `count` products of their own."""
    plan = load.Plan(prefix, seed=2)
    for number in range(first, first + count):
        plan.add("POST", f"/products/{number}/image", body=plan.body(), route="/products/{id}/image",
                 status=201, calls=UPLOAD)
    return plan.requests


def shop(prefix, count=2000):
    """Everything the shop can do, after uploads(). A product is uploaded or read once only."""
    plan = load.Plan(prefix)
    image = "/products/{id}/image"
    for number in range(1000, 1000 + STORED):
        plan.add("GET", f"/products/{number}/image", route=image,
                 calls=("SELECT products", "S3.GetObject"))
    for number in range(1200, 1500):
        plan.add("POST", f"/products/{number}/image", body=plan.body(), chunked=number % 2 == 0,
                 route=image, status=201, calls=UPLOAD)
    plan.add("POST", "/products/1500/image", body=plan.random.randbytes(1 << 20), route=image,
             status=201, calls=UPLOAD)
    plan.add("POST", "/products/1501/image", body=b"", route=image, status=201, calls=UPLOAD)
    for _ in range(20):
        plan.add("POST", "/products/9000/image", body=plan.body(), route=image, status=404,
                 calls=SELECT_PRODUCTS)
        plan.add("GET", "/products/9000", route="/products/{id}", status=404, calls=SELECT_PRODUCTS)
        plan.add("GET", "/products/7/image", route=image, status=404, calls=SELECT_PRODUCTS)
        plan.add("GET", "/broken", route="/broken", status=500, calls=("SELECT missing",))
        plan.add("GET", "/nowhere", status=404)
        plan.add("DELETE", "/products/7", route="/products/{id}", status=405)
        plan.add("HEAD", "/products/7", route="/products/{id}", calls=SELECT_PRODUCTS)
        plan.add("GET", "/categories/77/products", route="/categories/{id}/products", status=404,
                 calls=("SELECT categories",))
    while len(plan.requests) < count:
        plan.random.choice([
            lambda: plan.add("GET", "/health", route="/health"),
            lambda: plan.add("GET", "/products", route="/products", calls=SELECT_PRODUCTS),
            lambda: plan.add("GET", "/products?category=tea", route="/products",
                             calls=("SELECT products SELECT categories",)),
            lambda: plan.add("GET", f"/products/{plan.random.randrange(1, 41)}",
                             route="/products/{id}", calls=SELECT_PRODUCTS),
            lambda: plan.add("GET", "/categories", route="/categories",
                             calls=("SELECT categories",)),
            lambda: plan.add("GET", f"/categories/{plan.random.randrange(1, 5)}/products",
                             route="/categories/{id}/products",
                             calls=("SELECT categories", "SELECT products")),
        ])()
    return plan.shuffled()


def gunicorn_uploads(prefix, count=STORED, first=1000):
    plan = load.Plan(prefix, seed=4)
    for number in range(first, first + count):
        plan.add("POST", f"/items/{number}/blob", body=plan.body(), route="/items/{id}/blob",
                 status=201, calls=UPLOAD_ITEM)
    return plan.requests


def gunicorn(prefix, count=2000):
    """Everything the WSGI application can do, after gunicorn_uploads()."""
    plan = load.Plan(prefix, seed=3)
    blob = "/items/{id}/blob"
    items = ("SELECT items",)
    for number in range(1000, 1000 + STORED):
        plan.add("GET", f"/items/{number}/blob", route=blob, calls=("SELECT items", "S3.GetObject"))
    for number in range(1200, 1400):
        plan.add("POST", f"/items/{number}/blob", body=plan.body(), chunked=number % 2 == 0,
                 route=blob, status=201, calls=UPLOAD_ITEM)
    for _ in range(20):
        plan.add("POST", "/items/9000/blob", body=plan.body(), route=blob, status=404, calls=items)
        plan.add("GET", "/items/9000", route="/items/{id}", status=404, calls=items)
        plan.add("GET", "/broken", route="/broken", status=500, calls=("SELECT missing",))
        plan.add("GET", "/nowhere", status=404)
        plan.add("HEAD", "/items/7", route="/items/{id}", calls=items)
    while len(plan.requests) < count:
        plan.random.choice([
            lambda: plan.add("GET", "/health", route="/health"),
            lambda: plan.add("GET", "/items", route="/items", calls=items),
            lambda: plan.add("GET", f"/items/{plan.random.randrange(1, 41)}", route="/items/{id}",
                             calls=items),
        ])()
    return plan.shuffled()


def nginx(prefix, count=2000):
    """Static files and both back ends through nginx."""
    plan = load.Plan(prefix, seed=5)
    for number in range(1600, 1700):
        plan.add("POST", f"/shop/products/{number}/image", body=plan.body(),
                 chunked=number % 2 == 0, route="/shop/products/{id}/image", status=201,
                 calls=UPLOAD)
    for _ in range(20):
        plan.add("GET", "/absent.txt", status=404)
        plan.add("HEAD", "/page.html", route="/page.html")
        plan.add("GET", "/large.bin", route="/large.bin")
        plan.add("GET", "/shop/broken", route="/shop/broken", status=500, calls=("SELECT missing",))
    while len(plan.requests) < count:
        plan.random.choice([
            lambda: plan.add("GET", "/small.txt", route="/small.txt"),
            lambda: plan.add("GET", "/page.html", route="/page.html"),
            lambda: plan.add("GET", f"/shop/products/{plan.random.randrange(1, 41)}",
                             route="/shop/products/{id}", calls=SELECT_PRODUCTS),
            lambda: plan.add("GET", "/shop/categories", route="/shop/categories",
                             calls=("SELECT categories",)),
            lambda: plan.add("GET", f"/app/items/{plan.random.randrange(1, 41)}",
                             route="/app/items/{id}", calls=("SELECT items",)),
            lambda: plan.add("GET", "/app/health", route="/app/health"),
        ])()
    return plan.shuffled()


def owners_of_keys(*lists):
    """(rpc.method, S3 key) → the request that makes the call. Uploads go to a key that ends with
    their own id; reads of a product take the key that its one upload made."""
    owners, keys = {}, {}
    requests = [request for each in lists for request in each]
    for request in requests:
        if request.method == "POST" and request.status == 201:
            kind, number = request.path.split("/")[-3:-1]
            keys[kind, number] = f"{kind}/{number}/{request.id}"
            owners["PutObject", keys[kind, number]] = request.id
    for request in requests:
        if "S3.GetObject" in request.calls:
            kind, number = request.path.split("/")[-3:-1]
            owners["GetObject", keys[kind, number]] = request.id
    return owners
