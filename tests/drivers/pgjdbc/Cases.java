import java.io.*;
import java.math.BigDecimal;
import java.net.Socket;
import java.sql.*;
import java.time.*;
import java.util.*;
import java.util.concurrent.*;
import javax.net.SocketFactory;
import org.postgresql.PGConnection;

/** pgjdbc through a pooler: a line for each case, its name and `ok` or what was seen. See ../README.md. */
public final class Cases {
    static final Map<String, String> ENV = System.getenv();
    static final int MIB = 1 << 20;

    /** Plain sockets that can be ended behind the driver's back. */
    public static final class Sockets extends SocketFactory {
        static final BlockingDeque<Socket> MADE = new LinkedBlockingDeque<>();
        @Override public Socket createSocket() { MADE.add(new Socket()); return MADE.getLast(); }
        @Override public Socket createSocket(String host, int port) { throw new UnsupportedOperationException(); }
        @Override public Socket createSocket(String host, int port, java.net.InetAddress from, int fromPort) { throw new UnsupportedOperationException(); }
        @Override public Socket createSocket(java.net.InetAddress host, int port) { throw new UnsupportedOperationException(); }
        @Override public Socket createSocket(java.net.InetAddress host, int port, java.net.InetAddress from, int fromPort) { throw new UnsupportedOperationException(); }
    }

    /** A session; properties by name and value. `database` names another database. */
    static Connection connect(String... given) throws SQLException {
        Properties all = new Properties();
        all.putAll(Map.of("user", ENV.get("PGUSER"), "password", ENV.get("PGPASSWORD"), "sslmode", "verify-full",
            "sslrootcert", ENV.get("PGSSLROOTCERT"), "loginTimeout", "20"));
        for (int at = 0; at < given.length; at += 2) all.put(given[at], given[at + 1]);
        Object database = Objects.requireNonNullElse(all.remove("database"), ENV.get("PGDATABASE"));
        return Harness.keep(DriverManager.getConnection(
            "jdbc:postgresql://" + ENV.get("PGHOST") + ":" + ENV.getOrDefault("PGPORT", "5432") + "/" + database, all));
    }

    static Object value(Connection session, String statement, Object... parameters) throws SQLException {
        try (PreparedStatement asked = session.prepareStatement(statement)) {
            for (int at = 0; at < parameters.length; at++) asked.setObject(at + 1, parameters[at]);
            ResultSet rows = asked.executeQuery();
            rows.next();
            return rows.getObject(1);
        }
    }

    static void run(Connection session, String statement) throws SQLException {
        try (Statement made = session.createStatement()) { made.execute(statement); }
    }

    static String table(Connection session, String name, String columns) throws SQLException {
        run(session, "DROP TABLE IF EXISTS pgjdbc_" + name + "; CREATE TABLE pgjdbc_" + name + " (" + columns + ")");
        return "pgjdbc_" + name;
    }

    static void goesOn(Connection session) throws Exception { Harness.same("answer", value(session, "SELECT 1"), 1); }

    static void refused(String code, String... given) throws Exception { Harness.fails(code, () -> connect(given)); }

    static void logins(Map<String, Harness.Case> cases) {
        cases.put("login", () -> Harness.same("user", value(connect(), "SELECT current_user::text"), ENV.get("PGUSER")));
        for (String name : List.of("nbsp", "nfd", "ligature", "soft")) cases.put("login-" + name, () ->
            Harness.same("user", value(connect("user", name, "password", ENV.get("PASSWORD_" + name.toUpperCase())), "SELECT current_user::text"), name));
        cases.put("login-warning", () -> goesOn(connect("database", "warned")));
        cases.put("refused-password", () -> refused("28P01", "password", "wrong"));
        cases.put("refused-database", () -> refused("3D000", "database", "nosuch"));
        cases.put("refused-right", () -> refused("42501", "database", "other"));
        cases.put("refused-limit", () -> refused("53300", "database", "limited"));
        cases.put("refused-setting", () -> refused("42704", "options", "-c nosuch=1"));
        cases.put("direct-tls", () -> connect("sslNegotiation", "direct"));
        cases.put("channel-binding", () -> connect("channelBinding", "require"));
        cases.put("protocol-3-2", () -> goesOn(connect("protocolVersion", "3.2")));
        cases.put("startup-settings", () -> {
            Connection session = connect("ApplicationName", "drivers", "options", "-c work_mem=5MB -c search_path=pg_catalog");
            List<Object> shown = new ArrayList<>();
            for (String name : List.of("application_name", "work_mem", "search_path")) shown.add(value(session, "SHOW " + name));
            Harness.same("settings", shown, List.of("drivers", "5MB", "pg_catalog"));
        });
        cases.put("primary", () -> Harness.same("in recovery", value(connect("targetServerType", "primary"), "SELECT pg_is_in_recovery()"), false));
        cases.put("simple-mode", () -> Harness.same("sum", value(connect("preferQueryMode", "simple"), "SELECT ?::int + 1", 1), 2));
    }

    static void statements(Map<String, Harness.Case> cases) {
        cases.put("types", () -> {
            Connection session = connect();
            Object[] all = {"numeric", new BigDecimal("1.10"), "uuid", new UUID(0, 7), "bytea", new byte[] {0, -1},
                "text", "ÿ 😀", "bool", true, "float8", 0.1, "text", null};
            for (int at = 0; at < all.length; at += 2) Harness.same((String) all[at], value(session, "SELECT ?::" + all[at], all[at + 1]), all[at + 1]);
            Harness.same("int[]", ((Array) value(session, "SELECT ?::int[]", session.createArrayOf("int4", new Object[] {1, 2}))).getArray(), new Integer[] {1, 2});
            OffsetDateTime now = OffsetDateTime.of(2024, 2, 29, 12, 0, 0, 0, ZoneOffset.UTC);
            Harness.same("timestamptz", ((Timestamp) value(session, "SELECT ?::timestamptz", now)).toInstant(), now.toInstant());
        });
        cases.put("multi-statement", () -> {
            Statement made = connect().createStatement();
            made.execute("SELECT 1; SELECT 2");
            Harness.same("second", made.getMoreResults() && made.getResultSet().next() ? made.getResultSet().getInt(1) : 0, 2);
        });
        cases.put("prepared", () -> {
            List<Connection> sessions = List.of(connect("prepareThreshold", "1"), connect("prepareThreshold", "1"), connect("prepareThreshold", "1"));
            for (Connection session : sessions) session.setAutoCommit(false);
            for (int turn = 0; turn < 20; turn++) for (Connection session : sessions) {
                Harness.same("value", value(session, "SELECT ?::int + 1", turn), turn + 1);
                session.commit();
            }
        });
        cases.put("changed-table", () -> {
            // The driver keeps the statement; by autosave it prepares again when the table has another form.
            Connection session = connect("prepareThreshold", "1", "autosave", "conservative"), other = connect();
            String name = table(session, "changed", "x int");
            session.setAutoCommit(false);
            PreparedStatement asked = session.prepareStatement("SELECT * FROM " + name);
            for (String column : List.of("a", "b")) {
                for (int turn = 0; turn < 2; turn++) asked.executeQuery();
                session.commit();
                run(other, "ALTER TABLE " + name + " ADD " + column + " int");
            }
            Harness.same("columns", asked.executeQuery().getMetaData().getColumnCount(), 3);
        });
        cases.put("deallocate", () -> {
            Connection session = connect("prepareThreshold", "1");
            for (int turn = 0; turn < 3; turn++) {
                value(session, "SELECT ?::int", turn);
                run(session, "DEALLOCATE ALL");
            }
        });
        cases.put("parameters-most", () -> {
            Object[] all = new Object[65535];
            Arrays.fill(all, 1);
            Harness.same("count", value(connect(), "SELECT cardinality(ARRAY[" + "?::int,".repeat(65534) + "?::int])", all), 65535);
        });
        cases.put("parameter-20-mb", () -> Harness.same("length", value(connect(), "SELECT length(?::text)", "x".repeat(20 * MIB)), 20 * MIB));
        cases.put("result-60-mb", () -> Harness.same("length", ((String) value(connect(), "SELECT repeat('x', " + 60 * MIB + ")")).length(), 60 * MIB));
        cases.put("copy-in", () -> {
            Connection session = connect();
            String name = table(session, "copy_in", "x int, y text");
            Harness.same("rows", copy(session, name, "1\ty\n".repeat(10000)), 10000L);
        });
        cases.put("copy-out", () -> {
            Connection session = connect();
            StringWriter heard = new StringWriter();
            Harness.same("rows", session.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT generate_series(1, 10000)) TO STDOUT", heard), 10000L);
            goesOn(session);
        });
        cases.put("copy-fail", () -> {
            Connection session = connect();
            String name = table(session, "copy_fail", "x int");
            Harness.fails("22P02", () -> copy(session, name, "1\nno number\n"));
            goesOn(session);
        });
        cases.put("cursor", () -> {
            Connection session = connect();
            session.setAutoCommit(false);
            Statement made = session.createStatement();
            made.setFetchSize(400);
            ResultSet rows = made.executeQuery("SELECT generate_series(1, 1000)");
            int count = 0;
            while (rows.next()) count++;
            Harness.same("rows", count, 1000);
        });
        cases.put("batch", () -> {
            Connection session = connect();
            String name = table(session, "batch", "x int, y text");
            PreparedStatement made = session.prepareStatement("INSERT INTO " + name + " VALUES (?, ?)");
            for (int x = 0; x < 5000; x++) {
                made.setInt(1, x);
                made.setString(2, "y".repeat(100));
                made.addBatch();
            }
            made.executeBatch();
            Harness.same("rows", value(session, "SELECT count(*) FROM " + name), 5000L);
        });
    }

    static long copy(Connection session, String name, String rows) throws Exception {
        return session.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY " + name + " FROM STDIN", new StringReader(rows));
    }
}
