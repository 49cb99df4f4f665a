import java.util.*;
import java.util.concurrent.*;

/** Cases by name, each with sessions of its own and a time limit; a line for each. */
final class Harness {
    interface Case { void run() throws Exception; }

    /** What was seen in place of what was expected. */
    static final class Seen extends Exception {
        Seen(String seen) { super(seen); }
    }

    /** Seconds; the longest case takes 10. */
    static final int LIMIT = 45;
    static final Map<String, Case> CASES = new LinkedHashMap<>();
    private static final List<AutoCloseable> OPENED = Collections.synchronizedList(new ArrayList<>());

    static <T extends AutoCloseable> T keep(T session) {
        OPENED.add(session);
        return session;
    }

    static void same(String what, Object seen, Object wanted) throws Seen {
        if (!Objects.deepEquals(seen, wanted)) throw new Seen(what + ": " + seen + ", not " + wanted);
    }

    /** Fails with this SQLSTATE. */
    static void fails(String code, Case doing) throws Exception {
        try {
            doing.run();
        } catch (java.sql.SQLException error) {
            if (code.equals(error.getSQLState())) return;
            throw error;
        }
        throw new Seen("no error, not " + code);
    }

    private static String told(Throwable error) {
        if (error instanceof ExecutionException) error = error.getCause();
        if (error instanceof TimeoutException) return "no answer in " + LIMIT + " s";
        String words = String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
        words = words.substring(0, Math.min(words.length(), 200));
        if (error instanceof Seen) return words;
        String code = error instanceof java.sql.SQLException sql ? sql.getSQLState() : null;
        return (code == null ? error.getClass().getSimpleName() : code) + " " + words;
    }

    static void main(Set<String> wanted) {
        ExecutorService threads = Executors.newCachedThreadPool();
        CASES.forEach((name, doing) -> {
            if (!wanted.isEmpty() && !wanted.contains(name)) return;
            String seen = "ok";
            try {
                threads.submit(() -> { doing.run(); return null; }).get(LIMIT, TimeUnit.SECONDS);
            } catch (Exception error) {
                seen = told(error);
            }
            System.out.println(name + "\t" + seen);
            List<AutoCloseable> opened = new ArrayList<>(OPENED);
            OPENED.clear();
            threads.submit(() -> { for (AutoCloseable session : opened) session.close(); return null; });
        });
        // Sessions that hang are left to the end of the process.
        Runtime.getRuntime().halt(0);
    }
}
