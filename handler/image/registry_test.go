package image

import (
	"image/color"
	"testing"

	"daybook/handler"
)

func TestTheRegistryFindsTheFilesOfPictures(t *testing.T) {
	s := newStudio(t)
	registry, err := handler.NewRegistry(New())
	if err != nil {
		t.Fatal(err)
	}
	id := s.put("red.png", pngOf(t, quarters(9, 9, [4]color.NRGBA{red, red, red, red})))
	broken := s.put("broken.png", []byte("\x89PNG"))
	prepared, in, fields, err := registry.Prepare("IMAGE_PROCESSING", []byte(`{"files":["`+id+`","`+broken+`"]}`))
	if err != nil || len(fields) > 0 || len(in) != 2 || in[0] != id {
		t.Fatalf("prepare: %v %v %v", in, fields, err)
	}
	out, err := registry.Run(t.Context(), "IMAGE_PROCESSING", handler.Call{Parameters: prepared, Files: s.files, Report: func(float64, string) {}})
	if err != nil || len(out.Files) != 1 {
		t.Errorf("run: %v %v", out, err)
	}
	for _, bad := range []string{`{"operation":"paint"}`, `{"target_size":"0x5"}`, `{"degrees":45}`, `{"quality":101}`, `{"image_count":0}`, `{"files":[]}`, `{"colour":1}`} {
		if _, _, fields, err := registry.Prepare("IMAGE_PROCESSING", []byte(bad)); err != nil || len(fields) != 1 {
			t.Errorf("%s: %v %v", bad, fields, err)
		}
	}
}
