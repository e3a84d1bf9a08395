package files

import (
	"mime"
	"net/http"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName     = 255 // bytes
	maxSuffix   = 16  // bytes of ".csv" that a cut keeps
	sniffLength = 512 // bytes that http.DetectContentType looks at
)

// CleanName makes a name safe to show and to offer: the last element of a path of any
// system, valid UTF-8, printable, at most 255 bytes, never empty, "." or "..".
func CleanName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if strings.Trim(name, ".") == "" {
		return "file"
	}
	if len(name) <= maxName {
		return name
	}
	suffix := path.Ext(name)
	if len(suffix) > maxSuffix {
		suffix = ""
	}
	cut := maxName - len(suffix)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return name[:cut] + suffix
}

// vague content types say nothing: clients send them when they do not know.
var vague = map[string]bool{
	"":                                  true,
	"application/octet-stream":          true,
	"application/x-www-form-urlencoded": true,
	"multipart/form-data":               true,
	"binary/octet-stream":               true,
}

// textTypes refine what looks like text by the end of the name.
var textTypes = map[string]string{
	".csv":  "text/csv",
	".tsv":  "text/tab-separated-values",
	".tab":  "text/tab-separated-values",
	".json": "application/json",
	".md":   "text/markdown",
}

// decideType returns the content type that was given, or one found by looking at the
// first bytes and the name.
func decideType(given, name string, head []byte) string {
	kind, parameters, err := mime.ParseMediaType(given)
	if err == nil && !vague[kind] && strings.Contains(kind, "/") {
		if formatted := mime.FormatMediaType(kind, parameters); formatted != "" && len(formatted) <= maxName {
			return formatted
		}
	}
	if len(head) >= 4 && (string(head[:4]) == "II*\x00" || string(head[:4]) == "MM\x00*") {
		return "image/tiff"
	}
	found := http.DetectContentType(head)
	if strings.HasPrefix(found, "text/plain") {
		if refined, ok := textTypes[strings.ToLower(path.Ext(name))]; ok {
			return refined
		}
	}
	return found
}
