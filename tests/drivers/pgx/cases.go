// pgx through a pooler: a line for each case, its name and `ok` or what was seen. See ../README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const mib = 1 << 20

// connect: a session. Address, user, password and TLS are taken from the environment by the driver; given is what differs.
func connect(ctx context.Context, given string) *pgx.Conn {
	session := must(open(ctx, given, nil))
	return session
}

func open(ctx context.Context, given string, edit func(*pgx.ConnConfig)) (*pgx.Conn, error) {
	config := must(pgx.ParseConfig(given))
	if edit != nil {
		edit(config)
	}
	session, err := pgx.ConnectConfig(ctx, config)
	if err == nil {
		opened = append(opened, session)
	}
	return session, err
}

func value[T any](ctx context.Context, session interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}, statement string, parameters ...any) (found T) {
	check(session.QueryRow(ctx, statement, parameters...).Scan(&found))
	return
}

func run(ctx context.Context, session *pgx.Conn, statement string) error {
	_, err := session.Exec(ctx, statement)
	return err
}

func table(ctx context.Context, session *pgx.Conn, name, columns string) string {
	check(run(ctx, session, "DROP TABLE IF EXISTS pgx_"+name))
	check(run(ctx, session, fmt.Sprintf("CREATE TABLE pgx_%s (%s)", name, columns)))
	return "pgx_" + name
}

func goesOn(ctx context.Context, session *pgx.Conn) {
	same("answer", value[int](ctx, session, "SELECT 1"), 1)
}

func login(name string) test {
	return test{"login-" + name, func(ctx context.Context) {
		session := must(open(ctx, "", func(config *pgx.ConnConfig) {
			config.User, config.Password = name, os.Getenv("PASSWORD_"+strings.ToUpper(name))
		}))
		same("user", value[string](ctx, session, "SELECT current_user::text"), name)
	}}
}

func refused(name, code, given string) test {
	return test{"refused-" + name, func(ctx context.Context) {
		_, err := open(ctx, given, nil)
		fails(code, err)
	}}
}

var logins = []test{
	{"login", func(ctx context.Context) {
		same("user", value[string](ctx, connect(ctx, ""), "SELECT current_user::text"), os.Getenv("PGUSER"))
	}},
	login("nbsp"), login("nfd"), login("ligature"), login("soft"),
	{"login-warning", func(ctx context.Context) { goesOn(ctx, connect(ctx, "dbname=warned")) }},
	refused("password", "28P01", "password=wrong"),
	refused("database", "3D000", "dbname=nosuch"),
	refused("right", "42501", "dbname=other"),
	refused("limit", "53300", "dbname=limited"),
	refused("setting", "42704", "options='-c nosuch=1'"),
	{"direct-tls", func(ctx context.Context) { connect(ctx, "sslnegotiation=direct") }},
	{"channel-binding", func(ctx context.Context) { connect(ctx, "channel_binding=require") }},
	{"protocol-3-2", func(ctx context.Context) { goesOn(ctx, connect(ctx, "max_protocol_version=3.2")) }},
	{"startup-settings", func(ctx context.Context) {
		session := connect(ctx, "application_name=drivers TimeZone=Asia/Kathmandu work_mem=5MB")
		for name, wanted := range map[string]string{"application_name": "drivers", "TimeZone": "Asia/Kathmandu", "work_mem": "5MB"} {
			same(name, value[string](ctx, session, "SHOW "+name), wanted)
		}
	}},
	{"primary", func(ctx context.Context) {
		session := connect(ctx, "target_session_attrs=read-write")
		same("in recovery", value[bool](ctx, session, "SELECT pg_is_in_recovery()"), false)
	}},
}

var statements = []test{
	{"types", func(ctx context.Context) {
		session := connect(ctx, "")
		now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
		same("timestamptz", value[time.Time](ctx, session, "SELECT $1::timestamptz", now).UTC(), now)
		same("numeric", value[string](ctx, session, "SELECT ($1::numeric)::text", "1.10"), "1.10")
		same("int[]", value[[]int](ctx, session, "SELECT $1::int[]", []int{1, 2}), []int{1, 2})
		same("bytea", value[[]byte](ctx, session, "SELECT $1::bytea", []byte{0, 255}), []byte{0, 255})
		same("text", value[string](ctx, session, "SELECT $1::text", "ÿ 😀"), "ÿ 😀")
		same("float8", value[float64](ctx, session, "SELECT $1::float8", 0.1), 0.1)
		same("jsonb", value[map[string]int](ctx, session, "SELECT $1::jsonb", map[string]int{"a": 1}), map[string]int{"a": 1})
		same("null", value[*int](ctx, session, "SELECT $1::int", nil), (*int)(nil))
	}},
	{"multi-statement", func(ctx context.Context) {
		results := must(connect(ctx, "").PgConn().Exec(ctx, "SELECT 1; SELECT 2").ReadAll())
		same("second", string(results[1].Rows[0][0]), "2")
	}},
	{"prepared", func(ctx context.Context) {
		// The driver's own cache of statements, in three sessions at once.
		sessions := []*pgx.Conn{connect(ctx, ""), connect(ctx, ""), connect(ctx, "")}
		for turn := range 20 {
			for _, session := range sessions {
				transaction := must(session.Begin(ctx))
				same("value", value[int](ctx, transaction, "SELECT $1::int + 1", turn), turn+1)
				check(transaction.Commit(ctx))
			}
		}
	}},
	{"simple-mode", func(ctx context.Context) {
		session := connect(ctx, "default_query_exec_mode=simple_protocol")
		same("sum", value[int](ctx, session, "SELECT $1::int + 1", 1), 2)
	}},
	{"unknown-statement", func(ctx context.Context) {
		session := connect(ctx, "")
		fails("26000", session.PgConn().ExecPrepared(ctx, "nosuch", nil, nil, nil).Read().Err)
		goesOn(ctx, session)
	}},
	{"changed-table", func(ctx context.Context) {
		// The driver keeps the statement, and prepares again after it failed once.
		session, other := connect(ctx, ""), connect(ctx, "")
		name := table(ctx, session, "changed", "x int")
		columns := func() (int, error) {
			rows := must(session.Query(ctx, "SELECT * FROM "+name))
			rows.Close()
			return len(rows.FieldDescriptions()), rows.Err()
		}
		must(columns())
		check(run(ctx, other, "ALTER TABLE "+name+" ADD y int"))
		if _, err := columns(); err != nil {
			fails("0A000", err)
		}
		same("columns", must(columns()), 2)
	}},
	{"deallocate", func(ctx context.Context) {
		session := connect(ctx, "")
		for turn := range 3 {
			same("value", value[int](ctx, session, "SELECT $1::int", turn), turn)
			check(session.DeallocateAll(ctx))
		}
	}},
	{"parameters-most", func(ctx context.Context) {
		marks, all := make([]string, 65535), make([]any, 65535)
		for n := range marks {
			marks[n], all[n] = fmt.Sprintf("$%d::int", n+1), 1
		}
		same("count", value[int](ctx, connect(ctx, ""), "SELECT cardinality(ARRAY["+strings.Join(marks, ",")+"])", all...), 65535)
	}},
	{"parameter-20-mb", func(ctx context.Context) {
		same("length", value[int](ctx, connect(ctx, ""), "SELECT length($1::text)", strings.Repeat("x", 20*mib)), 20*mib)
	}},
	{"result-60-mb", func(ctx context.Context) {
		same("length", len(value[string](ctx, connect(ctx, ""), "SELECT repeat('x', $1)", 60*mib)), 60*mib)
	}},
	{"copy-in", func(ctx context.Context) {
		session := connect(ctx, "")
		table(ctx, session, "copy_in", "x int, y text")
		rows := pgx.CopyFromSlice(10000, func(x int) ([]any, error) { return []any{x, "y"}, nil })
		same("rows", must(session.CopyFrom(ctx, pgx.Identifier{"pgx_copy_in"}, []string{"x", "y"}, rows)), int64(10000))
	}},
	{"copy-out", func(ctx context.Context) {
		session, heard := connect(ctx, ""), &strings.Builder{}
		must(session.PgConn().CopyTo(ctx, heard, "COPY (SELECT generate_series(1, 10000)) TO STDOUT"))
		same("rows", strings.Count(heard.String(), "\n"), 10000)
		goesOn(ctx, session)
	}},
	{"copy-fail", func(ctx context.Context) {
		session := connect(ctx, "")
		name := table(ctx, session, "copy_fail", "x int")
		_, err := session.PgConn().CopyFrom(ctx, strings.NewReader("1\nno number\n"), "COPY "+name+" FROM STDIN")
		fails("22P02", err)
		goesOn(ctx, session)
	}},
	{"batch", func(ctx context.Context) {
		session, batch := connect(ctx, ""), &pgx.Batch{}
		name := table(ctx, session, "batch", "x int, y text")
		for x := range 5000 {
			batch.Queue("INSERT INTO "+name+" VALUES ($1, $2)", x, strings.Repeat("y", 100))
		}
		// What the same batch has written.
		batch.Queue("SELECT count(*) FROM " + name).QueryRow(func(row pgx.Row) (err error) {
			var count int
			err = row.Scan(&count)
			same("rows", count, 5000)
			return
		})
		check(session.SendBatch(ctx, batch).Close())
	}},
	{"notice", func(ctx context.Context) {
		var heard []string
		session := must(open(ctx, "", func(config *pgx.ConnConfig) {
			config.OnNotice = func(_ *pgconn.PgConn, told *pgconn.Notice) { heard = append(heard, told.Severity, told.Message) }
		}))
		check(run(ctx, session, "DO $$ BEGIN RAISE WARNING 'mind'; RAISE NOTICE 'look'; END $$"))
		same("notices", heard, []string{"WARNING", "mind", "NOTICE", "look"})
	}},
}
