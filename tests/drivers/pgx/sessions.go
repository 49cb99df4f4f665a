package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// within: the work of one transaction, whose end is told.
func within(ctx context.Context, session *pgx.Conn, options pgx.TxOptions, work func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, session, options, work)
}

var transactions = []test{
	{"transactions", func(ctx context.Context) {
		session := connect(ctx, "")
		name := table(ctx, session, "transactions", "x int")
		insert := func(in pgx.Tx) { must(in.Exec(ctx, "INSERT INTO "+name+" VALUES (1)")) }
		check(within(ctx, session, pgx.TxOptions{}, func(in pgx.Tx) error { insert(in); return nil }))
		fails("25P02", within(ctx, session, pgx.TxOptions{}, func(in pgx.Tx) error {
			insert(in)
			_, err := in.Exec(ctx, "SELECT 1/0")
			fails("22012", err)
			_, err = in.Exec(ctx, "SELECT 1")
			return err
		}))
		same("rows", value[int](ctx, session, "SELECT count(*) FROM "+name), 1)
	}},
	{"savepoints", func(ctx context.Context) {
		session := connect(ctx, "")
		name := table(ctx, session, "savepoints", "x int")
		check(within(ctx, session, pgx.TxOptions{}, func(in pgx.Tx) error {
			must(in.Exec(ctx, "INSERT INTO "+name+" VALUES (1)"))
			inner := must(in.Begin(ctx))
			must(inner.Exec(ctx, "INSERT INTO "+name+" VALUES (2)"))
			_, err := inner.Exec(ctx, "SELECT 1/0")
			fails("22012", err)
			return inner.Rollback(ctx)
		}))
		same("rows", value[int](ctx, session, "SELECT count(*) FROM "+name), 1)
	}},
	{"commit-fails", func(ctx context.Context) {
		// Who tries again begins the next transaction at once: the one that failed to commit has ended.
		session := connect(ctx, "")
		name := table(ctx, session, "commit_fails", "x int UNIQUE DEFERRABLE INITIALLY DEFERRED")
		fails("23505", within(ctx, session, pgx.TxOptions{}, func(in pgx.Tx) error {
			_, err := in.Exec(ctx, "INSERT INTO "+name+" VALUES (1), (1)")
			return err
		}))
		check(within(ctx, session, pgx.TxOptions{}, func(in pgx.Tx) error { same("answer", value[int](ctx, in, "SELECT 1"), 1); return nil }))
	}},
	{"serializable", func(ctx context.Context) {
		one, two := connect(ctx, ""), connect(ctx, "")
		name := table(ctx, one, "serializable", "x int")
		insert := func(in pgx.Tx) { must(in.Exec(ctx, "INSERT INTO "+name+" VALUES (1)")) }
		options := pgx.TxOptions{IsoLevel: pgx.Serializable}
		fails("40001", within(ctx, two, options, func(second pgx.Tx) error {
			value[int](ctx, second, "SELECT count(*) FROM "+name)
			check(within(ctx, one, options, func(first pgx.Tx) error {
				value[int](ctx, first, "SELECT count(*) FROM "+name)
				insert(first)
				return nil
			}))
			_, err := second.Exec(ctx, "INSERT INTO "+name+" VALUES (1)")
			return err
		}))
	}},
	{"write-read", func(ctx context.Context) {
		session, other := connect(ctx, ""), connect(ctx, "")
		name := table(ctx, session, "write_read", "x int")
		for x := range 100 {
			value[int](ctx, session, "INSERT INTO "+name+" VALUES ($1) RETURNING x", x)
			same("newest", value[int](ctx, session, "SELECT max(x) FROM "+name), x)
			same("newest, of another", value[int](ctx, other, "SELECT max(x) FROM "+name), x)
		}
	}},
	{"cursor", func(ctx context.Context) {
		check(within(ctx, connect(ctx, ""), pgx.TxOptions{}, func(in pgx.Tx) error {
			must(in.Exec(ctx, "DECLARE walk CURSOR FOR SELECT generate_series(1, 1000)"))
			for _, wanted := range []int{400, 400, 200} {
				rows := must(in.Query(ctx, "FETCH 400 FROM walk"))
				same("rows", len(must(pgx.CollectRows(rows, pgx.RowTo[int]))), wanted)
			}
			return nil
		}))
	}},
	{"advisory", func(ctx context.Context) {
		one, two := connect(ctx, ""), connect(ctx, "")
		check(run(ctx, one, "SELECT pg_advisory_lock(1)"))
		same("second", value[bool](ctx, two, "SELECT pg_try_advisory_lock(1)"), false)
		same("unlocked", value[bool](ctx, one, "SELECT pg_advisory_unlock(1)"), true)
	}},
	{"advisory-transaction", func(ctx context.Context) {
		one, two := connect(ctx, ""), connect(ctx, "")
		check(within(ctx, one, pgx.TxOptions{}, func(in pgx.Tx) error {
			must(in.Exec(ctx, "SELECT pg_advisory_xact_lock(2)"))
			same("second", value[bool](ctx, two, "SELECT pg_try_advisory_xact_lock(2)"), false)
			return nil
		}))
		same("afterwards", value[bool](ctx, two, "SELECT pg_try_advisory_xact_lock(2)"), true)
	}},
	{"large-object", func(ctx context.Context) {
		check(within(ctx, connect(ctx, ""), pgx.TxOptions{}, func(in pgx.Tx) error {
			objects := in.LargeObjects()
			made := must(objects.Create(ctx, 0))
			object := must(objects.Open(ctx, made, pgx.LargeObjectModeRead|pgx.LargeObjectModeWrite))
			must(object.Write(make([]byte, mib)))
			same("length", must(object.Seek(0, 2)), int64(mib))
			return objects.Unlink(ctx, made)
		}))
	}},
	{"notify", func(ctx context.Context) {
		session, other := connect(ctx, ""), connect(ctx, "")
		check(run(ctx, session, "LISTEN drivers"))
		check(run(ctx, other, "NOTIFY drivers, 'word'"))
		short, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		heard, err := session.WaitForNotification(short)
		if err != nil {
			heard = &pgconn.Notification{Payload: "nothing"}
		}
		same("heard", heard.Payload, "word")
	}},
}

// aside: a statement at work, which sends what it ends with.
func aside(ctx context.Context, session *pgx.Conn) chan error {
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, session, "SELECT pg_sleep(20)") }()
	time.Sleep(300 * time.Millisecond)
	return ended
}

var ends = []test{
	{"cancel", func(ctx context.Context) {
		for range 10 {
			session := connect(ctx, "")
			ended := aside(ctx, session)
			check(session.PgConn().CancelRequest(ctx))
			fails("57014", <-ended)
			goesOn(ctx, session)
		}
	}},
	{"timeout", func(ctx context.Context) {
		// By itself the driver closes a session whose context ends; told to, it cancels the statement and keeps the session.
		session := must(open(ctx, "", func(config *pgx.ConnConfig) {
			config.BuildContextWatcherHandler = func(session *pgconn.PgConn) ctxwatch.Handler {
				return &pgconn.CancelRequestContextWatcherHandler{Conn: session, DeadlineDelay: 5 * time.Second}
			}
		}))
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		fails("57014", run(short, session, "SELECT pg_sleep(20)"))
		goesOn(ctx, session)
	}},
	{"dead-client", func(ctx context.Context) {
		var socket net.Conn
		other := connect(ctx, "")
		session := must(open(ctx, "", func(config *pgx.ConnConfig) {
			dial := config.DialFunc
			config.DialFunc = func(ctx context.Context, network, address string) (made net.Conn, err error) {
				made, err = dial(ctx, network, address)
				socket = made
				return
			}
		}))
		name := table(ctx, other, "dead", "x int")
		check(run(ctx, session, "BEGIN"))
		check(run(ctx, session, "LOCK TABLE "+name))
		aside(ctx, session)
		check(socket.Close())
		check(within(ctx, other, pgx.TxOptions{}, func(in pgx.Tx) error {
			must(in.Exec(ctx, "SET LOCAL lock_timeout = '10s'"))
			_, err := in.Exec(ctx, "DROP TABLE "+name)
			return err
		}))
	}},
	{"terminated", func(ctx context.Context) {
		session, other := connect(ctx, ""), connect(ctx, "")
		check(run(ctx, session, "BEGIN"))
		served := value[int](ctx, session, "SELECT pg_backend_pid()")
		ended := aside(ctx, session)
		check(run(ctx, other, fmt.Sprintf("SELECT pg_terminate_backend(%d)", served)))
		fails("57P01", <-ended)
	}},
}
