package daybook

import (
	"math/rand/v2"

	"daybook/handler"
	"daybook/handler/image"
	"daybook/handler/mail"
	"daybook/handler/table"
	"daybook/task"
)

// builtinNames are the names of the task types of Daybook, those too that need a configuration to be there. What
// they promise holds on every server, so no worker outside of the process can run them.
var builtinNames = []string{"DATA_PROCESSING", "SLEEP", "EMAIL_SIMULATION", "IMAGE_PROCESSING", "HTTP_REQUEST", "EMAIL", "COMMAND", webhookType, task.TypeWorkflow}

// newRegistry returns a registry of the built-in types and these.
func newRegistry(more []handler.Handler) (*handler.Registry, error) {
	registry, err := handler.NewRegistry(append(builtinTypes(), more...)...)
	if err == nil {
		registry.Reserve(builtinNames...)
	}
	return registry, err
}

// builtinTypes are the task types that every server has, beside HTTP_REQUEST, which has settings.
func builtinTypes() []handler.Handler {
	return []handler.Handler{
		table.Processing{},
		handler.NewSleep(rand.Float64),
		mail.Simulation{},
		image.New(),
	}
}
