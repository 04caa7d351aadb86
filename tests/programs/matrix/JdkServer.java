// SPDX-License-Identifier: Apache-2.0
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executors;

/** The matrix's application for the JDK's own server: `java JdkServer PORT`. */
final class JdkServer {
    private static final int THREADS = 16;

    private JdkServer() {
    }

    private static void begin(HttpExchange exchange, int code, long length) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
        if (!exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(code, length == 0 ? -1 : length);
            return;
        }
        exchange.getResponseHeaders().set("Content-Length", Long.toString(length));
        exchange.sendResponseHeaders(code, -1);
    }

    private static void answer(HttpExchange exchange, int code, byte[] body) throws IOException {
        begin(exchange, code, body.length);
        if (!exchange.getRequestMethod().equals("HEAD") && body.length > 0)
            exchange.getResponseBody().write(body);
    }

    private static void status(HttpExchange exchange, int code) throws IOException {
        if (Contract.hasBody(code))
            answer(exchange, code, Contract.status(code));
        else
            exchange.sendResponseHeaders(code, -1);
    }

    private static void chunked(HttpExchange exchange, int count) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/octet-stream");
        exchange.sendResponseHeaders(200, 0);
        try (OutputStream body = exchange.getResponseBody()) {
            Contract.writePieces(body, Contract.content(count));
        }
    }

    private static void file(HttpExchange exchange) throws IOException {
        Path file = Path.of(Contract.FILE);
        begin(exchange, 200, Files.size(file));
        Files.copy(file, exchange.getResponseBody());
    }

    private static void handle(HttpExchange exchange) throws IOException {
        String[] path = exchange.getRequestURI().getPath().split("/");
        switch (path.length > 1 ? path[1] : "") {
        case "status" -> status(exchange, Integer.parseInt(path[2]));
        case "bytes" -> answer(exchange, 200, Contract.content(Integer.parseInt(path[2])));
        case "chunked" -> chunked(exchange, Integer.parseInt(path[2]));
        case "echo" -> answer(exchange, 200, Contract.digest(exchange.getRequestBody()));
        case "file" -> file(exchange);
        default -> answer(exchange, 404, Contract.status(404));
        }
        exchange.close();
    }

    public static void main(String[] arguments) throws IOException {
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        HttpServer server =
            HttpServer.create(new InetSocketAddress(loopback, Integer.parseInt(arguments[0])), 128);
        server.setExecutor(Executors.newFixedThreadPool(THREADS));
        server.createContext("/", JdkServer::handle);
        server.start();
    }
}
