// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/** What the Java applications of the matrix share. */
final class Contract {
    static final String FILE = System.getenv("MATRIX_FILE");
    static final int PIECE = 65536;

    private Contract() {
    }

    /** Byte i is i modulo 251. */
    static byte[] content(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++)
            bytes[i] = (byte) (i % 251);
        return bytes;
    }

    static byte[] status(int code) {
        return ("status " + code + "\n").getBytes(StandardCharsets.US_ASCII);
    }

    static boolean hasBody(int code) {
        return code != 204 && code != 304;
    }

    /** What /echo says of a body, which is read to its end. */
    static byte[] digest(InputStream body) throws IOException {
        CRC32 crc = new CRC32();
        byte[] piece = new byte[PIECE];
        long length = 0;
        for (int n; (n = body.read(piece)) > 0; length += n)
            crc.update(piece, 0, n);
        return String.format("%d %08x\n", length, crc.getValue())
            .getBytes(StandardCharsets.US_ASCII);
    }

    static void writePieces(OutputStream to, byte[] whole) throws IOException {
        for (int at = 0; at < whole.length; at += PIECE) {
            to.write(whole, at, Math.min(PIECE, whole.length - at));
            to.flush();
        }
    }
}
