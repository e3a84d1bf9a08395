package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"daybook/client"
)

// fileSlot is the parameter of a task type that takes files.
type fileSlot struct {
	name string
	many bool
}

// upload uploads the files and sets the parameter that the type takes them in.
func upload(ctx context.Context, s *stdio, c *client.Client, taskType string, paths []string, into map[string]json.RawMessage) error {
	types, err := c.TaskTypes(ctx)
	if err != nil {
		return err
	}
	slot, err := slotFor(types, taskType, len(paths))
	if err != nil {
		return err
	}
	bar := newBar(s)
	defer bar.Clear()
	ids := make([]string, 0, len(paths))
	for _, path := range paths {
		file, err := c.UploadFile(ctx, path, func(sent, size int64) {
			if size > 0 {
				bar.Draw("uploading", float64(sent)/float64(size), filepath.Base(path))
			}
		})
		if err != nil {
			return fmt.Errorf("upload %s: %w", path, err)
		}
		ids = append(ids, file.ID)
	}
	var value any = ids
	if !slot.many {
		value = ids[0]
	}
	into[slot.name], err = json.Marshal(value)
	return err
}

// slotFor finds the parameter of the type that can take n files.
func slotFor(types []client.TaskType, taskType string, n int) (fileSlot, error) {
	at := slices.IndexFunc(types, func(t client.TaskType) bool { return t.Name == taskType })
	if at < 0 {
		names := make([]string, len(types))
		for i, t := range types {
			names[i] = t.Name
		}
		return fileSlot{}, fmt.Errorf("the server has no task type %s; it has %s", taskType, strings.Join(names, ", "))
	}
	slots, err := slotsOf(types[at].ParametersSchema)
	if err != nil {
		return fileSlot{}, fmt.Errorf("read the schema of %s: %w", taskType, err)
	}
	for _, slot := range slots {
		if slot.many || n == 1 {
			return slot, nil
		}
	}
	if len(slots) > 0 {
		return fileSlot{}, misuse("%s takes one file, not %d", taskType, n)
	}
	return fileSlot{}, misuse("%s takes no file", taskType)
}

// slotsOf lists the parameters whose schema says that they are files, single ones first.
func slotsOf(schema json.RawMessage) (slots []fileSlot, err error) {
	const fileFormat = "daybook-file"
	var object struct {
		Properties map[string]struct {
			Format string
			Items  struct{ Format string }
		}
	}
	if err := json.Unmarshal(schema, &object); err != nil {
		return nil, err
	}
	for name, property := range object.Properties {
		switch {
		case property.Format == fileFormat:
			slots = append(slots, fileSlot{name: name})
		case property.Items.Format == fileFormat:
			slots = append(slots, fileSlot{name: name, many: true})
		}
	}
	slices.SortFunc(slots, func(a, b fileSlot) int {
		if a.many != b.many {
			return map[bool]int{false: -1, true: 1}[a.many]
		}
		return strings.Compare(a.name, b.name)
	})
	return slots, nil
}
