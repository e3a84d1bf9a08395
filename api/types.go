package api

import (
	"encoding/json"
	"net/http"

	"daybook/task"
)

// taskTypes answers GET /api/task-types.
func (a *API) taskTypes(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p.shows(a.Views.Seq())
	return p.send(typeJSON, encodeSpecs(a.Intake.Types.Specs()))
}

// encodeSpecs writes the list of types.
func encodeSpecs(specs []task.TypeSpec) []byte {
	list := make([]task.TypeSpec, len(specs))
	for i, s := range specs {
		for _, field := range []*json.RawMessage{&s.ParametersSchema, &s.ResultSchema, &s.Defaults} {
			if len(*field) == 0 {
				*field = json.RawMessage("{}")
			}
		}
		list[i] = s
	}
	body, err := json.Marshal(list)
	if err != nil {
		return []byte("[]") // a schema that is not JSON was refused at registration
	}
	return body
}
