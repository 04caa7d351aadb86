// SPDX-License-Identifier: Apache-2.0
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpUpgradeHandler;
import jakarta.servlet.http.WebConnection;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;

/** The matrix's application for tomcat: `java TomcatServer PORT`, its base in the current folder. */
public final class TomcatServer {
    private TomcatServer() {
    }

    /** Sends back what comes, until the client closes. */
    public static final class Mirror implements HttpUpgradeHandler {
        @Override
        public void init(WebConnection connection) {
            byte[] piece = new byte[Contract.PIECE];
            try (connection) {
                InputStream in = connection.getInputStream();
                OutputStream out = connection.getOutputStream();
                for (int n; (n = in.read(piece)) > 0;) {
                    out.write(piece, 0, n);
                    out.flush();
                }
            } catch (Exception ended) {
                // The client's way to end the conversation.
            }
        }

        @Override
        public void destroy() {
        }
    }

    /** Answers every method itself, where HttpServlet would refuse those it does not know. */
    private static final class Application extends HttpServlet {
        private static final long serialVersionUID = 1;

        private static void begin(HttpServletResponse response, int code, long length) {
            response.setStatus(code);
            response.setContentType("application/octet-stream");
            response.setContentLengthLong(length);
        }

        private static void answer(HttpServletResponse response, int code, byte[] body)
            throws IOException {
            begin(response, code, body.length);
            response.getOutputStream().write(body);
        }

        private static void status(HttpServletResponse response, int code) throws IOException {
            if (Contract.hasBody(code))
                answer(response, code, Contract.status(code));
            else
                response.setStatus(code);
        }

        private static void chunked(HttpServletResponse response, int count) throws IOException {
            response.setContentType("application/octet-stream");
            Contract.writePieces(response.getOutputStream(), Contract.content(count));
        }

        /** By sendfile(), which tomcat does when the servlet is through. */
        private static void file(HttpServletRequest request, HttpServletResponse response) {
            long length = new File(Contract.FILE).length();
            begin(response, 200, length);
            request.setAttribute("org.apache.tomcat.sendfile.filename", Contract.FILE);
            request.setAttribute("org.apache.tomcat.sendfile.start", 0L);
            request.setAttribute("org.apache.tomcat.sendfile.end", length);
        }

        private static void upgrade(HttpServletRequest request, HttpServletResponse response)
            throws IOException, jakarta.servlet.ServletException {
            response.setHeader("Upgrade", "websocket");
            response.setHeader("Connection", "Upgrade");
            response.setHeader("Sec-WebSocket-Accept",
                               accept(request.getHeader("Sec-WebSocket-Key")));
            request.upgrade(Mirror.class);
        }

        private static String accept(String key) {
            try {
                String text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
                return Base64.getEncoder().encodeToString(
                    MessageDigest.getInstance("SHA-1").digest(
                        text.getBytes(StandardCharsets.US_ASCII)));
            } catch (NoSuchAlgorithmException missing) {
                throw new IllegalStateException(missing);
            }
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response)
            throws IOException, jakarta.servlet.ServletException {
            String[] path = request.getRequestURI().split("/");
            switch (path.length > 1 ? path[1] : "") {
            case "status" -> status(response, Integer.parseInt(path[2]));
            case "bytes" -> answer(response, 200, Contract.content(Integer.parseInt(path[2])));
            case "chunked" -> chunked(response, Integer.parseInt(path[2]));
            case "echo" -> answer(response, 200, Contract.digest(request.getInputStream()));
            case "file" -> file(request, response);
            case "upgrade" -> upgrade(request, response);
            default -> answer(response, 404, Contract.status(404));
            }
        }
    }

    private static Connector connector(int port) {
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(port);
        connector.setProperty("address", "127.0.0.1");
        connector.setProperty("connectionTimeout", "60000");
        connector.setProperty("keepAliveTimeout", "60000");
        connector.setProperty("maxKeepAliveRequests", "-1");
        return connector;
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(new File(".").getAbsolutePath());
        tomcat.setConnector(connector(Integer.parseInt(arguments[0])));
        Context context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "application", new Application()).addMapping("/");
        tomcat.start();
        tomcat.getServer().await();
    }
}
