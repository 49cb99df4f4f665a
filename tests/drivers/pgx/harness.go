package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Of a case; the longest takes 10 s.
const limit = 45 * time.Second

type test struct {
	name string
	run  func(context.Context)
}

// What ends a case: an error of the driver, or what was seen in place of what was expected.
type seen struct{ err error }

var opened []*pgx.Conn

func check(err error) {
	if err != nil {
		panic(seen{err})
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func same(what string, found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		panic(seen{fmt.Errorf("%s: %v, not %v", what, found, wanted)})
	}
}

func code(err error) string {
	var told *pgconn.PgError
	if errors.As(err, &told) {
		return told.Code
	}
	return ""
}

// fails: a statement failed with this SQLSTATE.
func fails(wanted string, err error) {
	if err == nil {
		panic(seen{fmt.Errorf("no error, not %s", wanted)})
	}
	if code(err) != wanted {
		panic(seen{err})
	}
}

// told: an error in one line, its SQLSTATE first where it has one.
func told(err error) string {
	words := strings.Join(strings.Fields(err.Error()), " ")
	if found := code(err); found != "" {
		var told *pgconn.PgError
		errors.As(err, &told)
		words = found + " " + told.Message
	}
	return words[:min(len(words), 200)]
}

func outcome(run func(context.Context)) (said string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	defer func() {
		switch found := recover().(type) {
		case nil:
			said = "ok"
		case seen:
			said = told(found.err)
		default:
			panic(found)
		}
		if ctx.Err() != nil {
			said = fmt.Sprintf("no answer in %v", limit)
		}
		for _, session := range opened {
			end, cancel := context.WithTimeout(context.Background(), time.Second)
			session.Close(end)
			cancel()
		}
		opened = nil
	}()
	run(ctx)
	return
}

func main() {
	for _, test := range slices.Concat(logins, statements, transactions, ends) {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], test.name) {
			continue
		}
		fmt.Printf("%s\t%s\n", test.name, outcome(test.run))
	}
}
