// SPDX-License-Identifier: Apache-2.0
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.URL;

public final class UrlConnection {
    public static void main(String[] arguments) throws Exception {
        String[] proxy = arguments[1].split(":");
        Proxy way = new Proxy(Proxy.Type.HTTP,
                              new InetSocketAddress(proxy[0], Integer.parseInt(proxy[1])));
        Steps.run(arguments[0], step -> ask(step, way));
    }

    static Steps.Answer ask(Steps.Step step, Proxy proxy) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(step.url()).openConnection(
            step.way().equals("proxy") ? proxy : Proxy.NO_PROXY);
        connection.setRequestMethod(step.method());
        connection.setReadTimeout(step.timeout());
        if (!step.kept())
            connection.setRequestProperty("Connection", "close");
        if (step.body() != null) {
            connection.setDoOutput(true);
            if (step.chunked())
                connection.setChunkedStreamingMode(10000);
            try (OutputStream out = connection.getOutputStream()) {
                out.write(step.body());
            }
        }
        int status = connection.getResponseCode();
        try (InputStream in = status < 400 ? connection.getInputStream()
                                           : connection.getErrorStream()) {
            return new Steps.Answer(status, in == null ? new byte[0] : in.readAllBytes());
        }
    }

    private UrlConnection() {}
}
