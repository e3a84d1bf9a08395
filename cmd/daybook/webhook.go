package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"daybook/client"
)

type webhookCmd struct {
	Add  webhookAddCmd  `cmd:"" help:"Create a webhook."`
	Ls   webhookLsCmd   `cmd:"" help:"List the webhooks and how their deliveries go."`
	Rm   webhookRmCmd   `cmd:"" help:"Delete webhooks and erase their secrets."`
	Test webhookTestCmd `cmd:"" help:"Send a test event and show what the receiver says."`
}

func (webhookCmd) Help() string {
	return `A webhook sends events of the log to a URL: each by a task of the type WEBHOOK, signed, and tried again for 3 days. See
docs/webhooks.md.

Example:

    daybook webhook add orders https://example.com/hooks/daybook --event task.failed --queue orders
    daybook webhook test orders`
}

type webhookAddCmd struct {
	remote
	Name       string        `arg:"" help:"What it is called."`
	URL        string        `arg:"" help:"Where events are sent."`
	Event      []string      `required:"" help:"A type of event, such as task.failed; may be repeated."`
	Queue      []string      `help:"Only events of tasks in this queue; may be repeated."`
	Type       []string      `placeholder:"TYPE" help:"Only events of tasks of this type; may be repeated."`
	Tag        []string      `help:"Only events of tasks with this tag; may be repeated."`
	SecretFile string        `placeholder:"FILE" help:"A file with the secret: \"whsec_\" and the base64 of 24 to 64 bytes. By default the server makes one, which is printed."`
	RetryFor   time.Duration `default:"72h" help:"How long a delivery that fails is tried again."`
	Timeout    time.Duration `default:"15s" help:"How long an answer may take."`
}

func (c *webhookAddCmd) Run(ctx context.Context, s *stdio) error {
	retryFor, timeout := c.RetryFor.Seconds(), c.Timeout.Seconds()
	want := client.NewWebhook{Name: c.Name, URL: c.URL, Events: c.Event, RetryFor: &retryFor, Timeout: &timeout,
		Filter: &client.WebhookFilter{TaskTypes: c.Type, Queues: c.Queue, Tags: c.Tag}}
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return fmt.Errorf("read the secret: %s: name a file that can be read", reason(err))
		}
		want.Secret = strings.TrimSpace(string(text))
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		made, err := server.CreateWebhook(ctx, want)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(made)
		}
		if made.Secret == "" {
			_, err = fmt.Fprintf(s.out, "%s\tcreated\n", made.Name)
			return err
		}
		if _, err := fmt.Fprintln(s.out, made.Secret); err != nil {
			return err
		}
		if s.outTerminal {
			fmt.Fprintln(s.err, s.dim("This is the secret that the receiver checks signatures with. It is shown only this once."))
		}
		return nil
	})
}

type webhookLsCmd struct{ remote }

func (c *webhookLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		all, err := server.Webhooks(ctx)
		if err != nil {
			return err
		}
		return listAll(s, c.JSON, all, webhookRow, "NAME\tEVENTS\tURL\tDELIVERED\tSTATE", "There is no webhook. daybook webhook add creates one.")
	})
}

// webhookRow is what is shown of a webhook, column by column.
func webhookRow(w *client.Webhook) []string {
	state := "no delivery yet"
	switch {
	case w.FailingSince != nil:
		state = "fails since " + clock(*w.FailingSince) + ": " + oneLine(w.LastError)
	case w.LastDeliveredAt != nil:
		state = "delivered " + clock(*w.LastDeliveredAt)
	}
	return []string{w.Name, strings.Join(w.Events, ","), oneLine(w.URL), fmt.Sprintf("%d of %d", w.Delivered, w.Queued), state}
}

type webhookRmCmd struct {
	remote
	Name []string `arg:"" help:"The names of the webhooks."`
}

func (c *webhookRmCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return endEach(ctx, s, c.JSON, c.Name, server.DeleteWebhook, "deleted")
	})
}

type webhookTestCmd struct {
	remote
	Name string `arg:"" help:"The name of the webhook."`
}

func (c *webhookTestCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		said, err := server.TestWebhook(ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			err = json.NewEncoder(s.out).Encode(said)
		} else if said.Delivered {
			_, err = fmt.Fprintf(s.out, "%s\tdelivered\t%d\t%.0f ms\n", c.Name, said.Status, said.DurationMS)
		}
		if err == nil && !said.Delivered {
			return fmt.Errorf("the test event did not arrive: %s", said.Error)
		}
		return err
	})
}
