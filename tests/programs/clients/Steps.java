// SPDX-License-Identifier: Apache-2.0
// The steps that the programs here do (tests/integration/clients/plan.py), and how they say what
// came of them.
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;

final class Steps {
    record Step(String number, String method, String url, byte[] body, boolean chunked,
                int timeout, String way, boolean kept) {}

    record Answer(int status, byte[] body) {}

    interface Asker {
        Answer ask(Step step) throws Exception;
    }

    static byte[] content(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++)
            bytes[i] = (byte) (i % 251);
        return bytes;
    }

    static Step parse(String line) {
        String[] fields = line.split(" ");
        String[] body = fields[3].split(":");
        int milliseconds = Integer.parseInt(fields[4]);
        return new Step(fields[0], fields[1], fields[2],
                        body[0].equals("-") ? null : content(Integer.parseInt(body[1])),
                        body[0].equals("chunked"), milliseconds == 0 ? 60000 : milliseconds,
                        fields[5], fields[6].equals("kept"));
    }

    static void run(String file, Asker asker) throws Exception {
        for (String line : Files.readAllLines(Path.of(file))) {
            Step step = parse(line);
            try {
                Answer answer = asker.ask(step);
                CRC32 crc = new CRC32();
                crc.update(answer.body());
                System.out.printf("%s %d %d %08x%n", step.number(), answer.status(),
                                  answer.body().length, crc.getValue());
            } catch (Exception error) {
                System.out.println(step.number() + " failed " + error.getClass().getName());
            }
        }
    }

    private Steps() {}
}
