import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.largeobject.*;

/** Cases of transactions, of what a session keeps, and of how it ends; and the program itself. */
public final class Sessions {
    static final ExecutorService ASIDE = Executors.newCachedThreadPool();

    static void transactions(Map<String, Harness.Case> cases) {
        cases.put("transactions", () -> {
            Connection session = Cases.connect();
            String name = Cases.table(session, "transactions", "x int");
            session.setAutoCommit(false);
            Cases.run(session, "INSERT INTO " + name + " VALUES (1)");
            session.commit();
            Cases.run(session, "INSERT INTO " + name + " VALUES (2)");
            Harness.fails("22012", () -> Cases.value(session, "SELECT 1/0"));
            Harness.fails("25P02", () -> Cases.value(session, "SELECT 1"));
            session.rollback();
            Harness.same("rows", Cases.value(session, "SELECT count(*) FROM " + name), 1L);
        });
        cases.put("savepoints", () -> {
            Connection session = Cases.connect();
            String name = Cases.table(session, "savepoints", "x int");
            session.setAutoCommit(false);
            Cases.run(session, "INSERT INTO " + name + " VALUES (1)");
            Savepoint point = session.setSavepoint("point");
            Cases.run(session, "INSERT INTO " + name + " VALUES (2)");
            Harness.fails("22012", () -> Cases.value(session, "SELECT 1/0"));
            session.rollback(point);
            session.commit();
            Harness.same("rows", Cases.value(session, "SELECT count(*) FROM " + name), 1L);
        });
        cases.put("commit-fails", () -> {
            // Who tries again begins the next transaction at once: the one that failed to commit has ended.
            Connection session = Cases.connect();
            String name = Cases.table(session, "commit_fails", "x int UNIQUE DEFERRABLE INITIALLY DEFERRED");
            session.setAutoCommit(false);
            Cases.run(session, "INSERT INTO " + name + " VALUES (1), (1)");
            Harness.fails("23505", session::commit);
            Cases.goesOn(session);
        });
        cases.put("serializable", () -> {
            Connection one = Cases.connect(), two = Cases.connect();
            String name = Cases.table(one, "serializable", "x int");
            for (Connection session : List.of(one, two)) {
                session.setAutoCommit(false);
                session.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
                Cases.value(session, "SELECT count(*) FROM " + name);
            }
            for (Connection session : List.of(one, two)) Cases.run(session, "INSERT INTO " + name + " VALUES (1)");
            one.commit();
            Harness.fails("40001", two::commit);
        });
        cases.put("autosave", () -> {
            // A SAVEPOINT by the simple protocol before each statement: with 42.7.8 Pgpool-II ended the session.
            Connection session = Cases.connect("prepareThreshold", "1", "preparedStatementCacheQueries", "1", "autosave", "always");
            session.setAutoCommit(false);
            for (int turn = 0; turn < 50; turn++) {
                for (int more = 0; more < 4; more++)
                    Harness.same("value", Cases.value(session, "SELECT ?::int + " + (4 * turn + more), 1), 4 * turn + more + 1);
                Harness.fails("22012", () -> Cases.value(session, "SELECT 1/?", 0));
                if (turn % 2 == 0) session.rollback(); else session.commit();
            }
        });
        cases.put("write-read", () -> {
            Connection session = Cases.connect(), other = Cases.connect();
            String name = Cases.table(session, "write_read", "x int");
            for (int x = 0; x < 100; x++) {
                Cases.value(session, "INSERT INTO " + name + " VALUES (?) RETURNING x", x);
                for (Connection reader : List.of(session, other))
                    Harness.same("newest", Cases.value(reader, "SELECT max(x) FROM " + name), x);
            }
        });
        cases.put("advisory", () -> {
            Connection one = Cases.connect(), two = Cases.connect();
            Cases.run(one, "SELECT pg_advisory_lock(1)");
            Harness.same("second", Cases.value(two, "SELECT pg_try_advisory_lock(1)"), false);
            Harness.same("unlocked", Cases.value(one, "SELECT pg_advisory_unlock(1)"), true);
        });
        cases.put("advisory-transaction", () -> {
            Connection one = Cases.connect(), two = Cases.connect();
            one.setAutoCommit(false);
            Cases.run(one, "SELECT pg_advisory_xact_lock(2)");
            Harness.same("second", Cases.value(two, "SELECT pg_try_advisory_xact_lock(2)"), false);
            one.commit();
            Harness.same("afterwards", Cases.value(two, "SELECT pg_try_advisory_xact_lock(2)"), true);
        });
        cases.put("large-object", () -> {
            Connection session = Cases.connect();
            session.setAutoCommit(false);
            LargeObjectManager objects = session.unwrap(PGConnection.class).getLargeObjectAPI();
            long made = objects.createLO();
            try (LargeObject object = objects.open(made)) { object.write(new byte[Cases.MIB]); }
            try (LargeObject object = objects.open(made)) { Harness.same("length", object.read(2 * Cases.MIB).length, Cases.MIB); }
            objects.unlink(made);
            session.commit();
        });
        cases.put("notice", () -> {
            Statement made = Cases.connect().createStatement();
            made.execute("DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$");
            SQLWarning first = made.getWarnings();
            Harness.same("warning", first == null ? null : first.getMessage(), "mind");
            Harness.same("notice", first.getNextWarning() == null ? null : first.getNextWarning().getMessage(), "look");
        });
        cases.put("notify", () -> {
            Connection session = Cases.connect(), other = Cases.connect();
            Cases.run(session, "LISTEN drivers");
            Cases.run(other, "NOTIFY drivers, 'word'");
            PGNotification[] heard = session.unwrap(PGConnection.class).getNotifications(3000);
            Harness.same("heard", heard == null || heard.length == 0 ? "nothing" : heard[0].getParameter(), "word");
        });
    }

    static Future<Object> sleep(Connection session, Statement made) {
        return ASIDE.submit(() -> made.execute("SELECT pg_sleep(20)"));
    }

    /** What a statement at work ended with. */
    static void ended(String code, Future<Object> sleeping) throws Exception {
        Harness.fails(code, () -> {
            try {
                sleeping.get();
            } catch (ExecutionException error) {
                throw (Exception) error.getCause();
            }
        });
    }

    static void ends(Map<String, Harness.Case> cases) {
        cases.put("cancel", () -> {
            for (int turn = 0; turn < 10; turn++) {
                Connection session = Cases.connect();
                Statement made = session.createStatement();
                Future<Object> sleeping = sleep(session, made);
                Thread.sleep(300);
                made.cancel();
                ended("57014", sleeping);
                Cases.goesOn(session);
            }
        });
        cases.put("timeout", () -> {
            Connection session = Cases.connect();
            Statement made = session.createStatement();
            made.setQueryTimeout(1);
            Harness.fails("57014", () -> made.execute("SELECT pg_sleep(20)"));
            Cases.goesOn(session);
        });
        cases.put("dead-client", () -> {
            Connection other = Cases.connect(), session = Cases.connect("socketFactory", "Cases$Sockets");
            String name = Cases.table(other, "dead", "x int");
            session.setAutoCommit(false);
            Cases.run(session, "LOCK TABLE " + name);
            sleep(session, session.createStatement());
            Thread.sleep(500);
            Cases.Sockets.MADE.getLast().close();
            other.setAutoCommit(false);
            Cases.run(other, "SET LOCAL lock_timeout = '10s'");
            Cases.run(other, "DROP TABLE " + name);
            other.commit();
        });
        cases.put("terminated", () -> {
            Connection session = Cases.connect(), other = Cases.connect();
            session.setAutoCommit(false);
            Object served = Cases.value(session, "SELECT pg_backend_pid()");
            Future<Object> sleeping = sleep(session, session.createStatement());
            Thread.sleep(500);
            Cases.run(other, "SELECT pg_terminate_backend(" + served + ")");
            ended("57P01", sleeping);
        });
    }

    public static void main(String... wanted) {
        Cases.logins(Harness.CASES);
        Cases.statements(Harness.CASES);
        transactions(Harness.CASES);
        ends(Harness.CASES);
        Harness.main(Set.of(wanted));
    }
}
