// Command outbox adds orders to a database, and for each a task, in one transaction: both or neither.
//
//	go run ./examples/outbox shop.db
//	daybook outbox --from sqlite:shop.db        # beside it, all the time
//
// With PostgreSQL the same lines work: open it with its driver, and write $1, $2 in place of the question marks.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"

	_ "github.com/mattn/go-sqlite3"
)

// submit adds a task to the transaction. It is submitted when that is committed.
func submit(ctx context.Context, tx *sql.Tx, task map[string]any) error {
	body, err := json.Marshal(task)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO daybook_outbox (task) VALUES (?)", string(body))
	return err
}

func order(ctx context.Context, db *sql.DB, customer string, euros float64) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	row, err := tx.ExecContext(ctx, "INSERT INTO orders (customer, euros) VALUES (?, ?)", customer, euros)
	if err != nil {
		return err
	}
	id, err := row.LastInsertId()
	if err != nil {
		return err
	}
	err = submit(ctx, tx, map[string]any{
		"task_type": "SLEEP", "parameters": map[string]any{"seconds": 0.1, "result": map[string]any{"order": id}},
		"subject": fmt.Sprintf("order %d of %s", id, customer),
	})
	if err != nil {
		return err
	}
	if euros > 1000 {
		return fmt.Errorf("%s may not order for %v euros", customer, euros)
	}
	return tx.Commit()
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: outbox DATABASE")
	}
	schema, err := exec.Command("daybook", "outbox", "--schema", "sqlite").Output()
	if err != nil {
		log.Fatal(err)
	}
	db, err := sql.Open("sqlite3", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{string(schema), "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, euros REAL NOT NULL)"} {
		if _, err := db.Exec(statement); err != nil {
			log.Fatal(err)
		}
	}
	for _, one := range []struct {
		customer string
		euros    float64
	}{{"Ada", 40}, {"Bob", 5000}, {"Cleo", 12.5}} {
		if err := order(context.Background(), db, one.customer, one.euros); err != nil {
			fmt.Println("no order, and no task:", err)
		}
	}
}
