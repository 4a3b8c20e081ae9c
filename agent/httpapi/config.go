// Package httpapi is what the HTTP APIs of a lane and of HQ have in common: one configuration of huma, JSON that
// has one meaning or is refused, and the same problem documents (RFC 9457).
//
// A reader would easily get this wrong: encoding/json lets the last of two equal keys win and takes "Total" for
// "total", and huma validates one of them while Go decodes the other. For money that must be an error, so Config
// puts a strict reader in front of both. Its size is bounded by each operation's MaxBodyBytes.
package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
)

// huma keeps its rules for names and its words in variables of its own; both APIs want the same ones.
func init() {
	huma.ValidateStrictCasing = true
	huma.ErrorFormatter = inDigits
	validation.MsgExpectedMinimumNumber = "must be at least %v"
	validation.MsgExpectedMaximumNumber = "must be at most %v"
	validation.MsgExpectedInteger = "must be a whole number"
}

// reading is what both APIs' documents say of requests.
const reading = "JSON is read strictly: keys are spelt as here and come once, numbers are whole and in digits alone. " +
	"Every error is a problem document (RFC 9457); its type tells programs what is wrong, its detail people."

// Config is huma's without what it would load from elsewhere or put into bodies: no documentation page, no
// schema links and no served OpenAPI document, which an API makes once. Requests are read strictly, answers may
// say more in a later release.
func Config(title, version, description string) huma.Config {
	c := huma.DefaultConfig(title, version)
	c.CreateHooks = nil
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.RejectUnknownQueryParameters = true
	c.AllowAdditionalPropertiesByDefault = true
	c.Info.Description = description + " " + reading
	c.Formats = maps.Clone(c.Formats)
	for name, format := range c.Formats {
		c.Formats[name] = huma.Format{Marshal: format.Marshal, Unmarshal: readStrictly}
	}
	c.Transformers = append(c.Transformers, tidy)
	return c
}

// inDigits is fmt.Sprintf, but for numbers such as 1e+12.
func inDigits(format string, args ...any) string {
	args = slices.Clone(args)
	for i, a := range args {
		if f, ok := a.(float64); ok {
			args[i] = strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return fmt.Sprintf(format, args...)
}
