package daybook

import (
	"math/rand/v2"

	"daybook/handler"
	"daybook/handler/image"
	"daybook/handler/mail"
	"daybook/handler/table"
)

// builtinTypes are the task types that every server has, beside HTTP_REQUEST, which has settings.
func builtinTypes() []handler.Handler {
	return []handler.Handler{
		table.Processing{},
		handler.NewSleep(rand.Float64),
		mail.Simulation{},
		image.New(),
	}
}
