// SPDX-License-Identifier: Apache-2.0
import java.io.ByteArrayInputStream;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

public final class NetHttp {
    private static HttpClient kept;

    public static void main(String[] arguments) throws Exception {
        String[] proxy = arguments[1].split(":");
        ProxySelector way = ProxySelector.of(
            new InetSocketAddress(proxy[0], Integer.parseInt(proxy[1])));
        Steps.run(arguments[0], step -> ask(step, way));
    }

    static HttpClient client(Steps.Step step, ProxySelector proxy) {
        if (step.kept() && kept != null)
            return kept;
        HttpClient.Builder builder = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NORMAL);
        if (step.way().equals("proxy"))
            builder.proxy(proxy);
        HttpClient client = builder.build();
        kept = step.kept() ? client : null;
        return client;
    }

    static HttpRequest.BodyPublisher body(Steps.Step step) {
        if (step.body() == null)
            return HttpRequest.BodyPublishers.noBody();
        if (step.chunked())
            return HttpRequest.BodyPublishers.ofInputStream(
                () -> new ByteArrayInputStream(step.body()));
        return HttpRequest.BodyPublishers.ofByteArray(step.body());
    }

    static Steps.Answer ask(Steps.Step step, ProxySelector proxy) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(step.url()))
            .timeout(Duration.ofMillis(step.timeout())).method(step.method(), body(step)).build();
        HttpResponse<byte[]> answer =
            client(step, proxy).send(request, HttpResponse.BodyHandlers.ofByteArray());
        return new Steps.Answer(answer.statusCode(), answer.body());
    }

    private NetHttp() {}
}
