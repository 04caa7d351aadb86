// SPDX-License-Identifier: Apache-2.0
// What HttpURLConnection or java.net.http.HttpClient is made to ask. usage: Calls url|client PORT
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

class Calls {
    static int port;
    static HttpClient client =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(
            HttpClient.Redirect.NORMAL).build();

    static String url(String path) {
        return path.startsWith("/") ? "http://127.0.0.1:" + port + path : path;
    }

    static String byUrl(String method, String path, String body, boolean chunked, int timeout)
            throws IOException {
        Proxy proxy = path.startsWith("/") ? Proxy.NO_PROXY
            : new Proxy(Proxy.Type.HTTP, new InetSocketAddress("127.0.0.1", port));
        HttpURLConnection http = (HttpURLConnection)new URL(url(path)).openConnection(proxy);
        http.setRequestMethod(method);
        http.setReadTimeout(timeout);
        if (body != null) {
            http.setDoOutput(true);
            if (chunked)
                http.setChunkedStreamingMode(3);
            http.getOutputStream().write(body.getBytes());
            http.getOutputStream().close();
        }
        int status = http.getResponseCode();
        try (InputStream in = status < 400 ? http.getInputStream() : http.getErrorStream()) {
            return status + " " + (in == null ? "" : new String(in.readAllBytes()));
        }
    }

    static String byClient(String method, String path, String body, boolean chunked, int timeout)
            throws IOException, InterruptedException {
        HttpClient by = client;
        if (!path.startsWith("/"))
            by = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).proxy(
                ProxySelector.of(new InetSocketAddress("127.0.0.1", port))).build();
        HttpRequest.BodyPublisher publisher = body == null ? HttpRequest.BodyPublishers.noBody()
            : chunked ? HttpRequest.BodyPublishers.fromPublisher(
                HttpRequest.BodyPublishers.ofString(body))
            : HttpRequest.BodyPublishers.ofString(body);
        HttpResponse<String> answer = by.send(
            HttpRequest.newBuilder(URI.create(url(path))).timeout(Duration.ofMillis(timeout))
                .method(method, publisher).build(), HttpResponse.BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }

    static void ask(String how, String method, String path, String body, boolean chunked,
                    int timeout) throws InterruptedException {
        String said;
        try {
            said = how.equals("url") ? byUrl(method, path, body, chunked, timeout)
                : byClient(method, path, body, chunked, timeout);
        } catch (IOException error) {
            said = error.getClass().getSimpleName();
        }
        System.out.println(method + " " + path + " " + said);
    }

    public static void main(String[] arguments) throws InterruptedException {
        String how = arguments[0];
        port = Integer.parseInt(arguments[1]);
        ask(how, "GET", "/ok?token=hunter2", null, false, 20000);
        ask(how, "GET", "/chunked", null, false, 20000);
        ask(how, "POST", "/echo", "hello", false, 20000);
        ask(how, "POST", "/echo", "hello", true, 20000);
        ask(how, "HEAD", "/ok", null, false, 20000);
        ask(how, "GET", "/missing", null, false, 20000);
        ask(how, "GET", "/fail", null, false, 20000);
        ask(how, "GET", "/redirect", null, false, 20000);
        ask(how, "GET", "/close", null, false, 20000);
        ask(how, "GET", "/reset", null, false, 20000);
        ask(how, "GET", "/slow", null, false, 500);
        ask(how, "GET", "http://shop.example/ok", null, false, 20000);
    }
}
