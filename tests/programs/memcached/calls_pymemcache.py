# SPDX-License-Identifier: Apache-2.0
"""What pymemcache is made to ask. usage: calls_pymemcache.py PORT SESSION"""

import sys

from pymemcache.client.base import Client
from pymemcache.exceptions import MemcacheClientError

port, session = int(sys.argv[1]), sys.argv[2]
client = Client(("127.0.0.1", port), default_noreply=False)
print(client.set("user:42", "hunter"))
print(client.get("user:42"), client.get("none"))
print(sorted(client.get_many(["user:42", "none", "a"])))
print(client.set_many({"a": "hunter", "b": "hunter"}))
value, cas = client.gets("a")
print(value, client.cas("a", "hunter2", cas), client.cas("a", "hunter3", cas))
print(client.add("a", "hunter"), client.replace("a", "hunter"))
print(client.append("a", "hunter"), client.prepend("a", "hunter"))
try:
    client.incr("user:42", 1)
except MemcacheClientError as error:
    print(error)
print(client.set("n", "1"), client.incr("n", 5), client.decr("n", 2))
print(client.touch("n", 100), client.delete("n"), client.delete("n"))
print(client.set("n", "hunter", noreply=True), client.get("n"))
print(client.get(f"session:{session}"))
print(client.set("big", "hunter" * 100000), len(client.get("big")))
print(len(client.stats()) > 10, client.version())
print(client.flush_all())
client.quit()
