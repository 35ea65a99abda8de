import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/**
 * Runs many mqadmin commands in one JVM, because a JVM's start costs more than a command.
 *
 * <p>Each line of the input is one command: a number of the caller's and the arguments, separated by
 * tabs. What the command writes stands between the lines "BEGIN number" and "END number".
 */
public class MqAdminDriver {
    public static void main(String[] ignored) throws Exception {
        System.setErr(System.out);
        BufferedReader commands =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            String[] words = line.split("\t", -1);
            String[] arguments = new String[words.length - 1];
            System.arraycopy(words, 1, arguments, 0, arguments.length);
            System.out.println("BEGIN " + words[0]);
            MQAdminStartup.main0(arguments, null);
            System.out.println("\nEND " + words[0]);
        }
        System.exit(0);
    }
}
