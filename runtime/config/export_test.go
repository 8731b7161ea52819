package config

// Fields are all settings of the file; those of a module stand below modules.NAME.
func Fields() []string {
	var fields []string
	for _, s := range settings {
		fields = append(fields, s.field)
	}
	return append(fields, prefixed("modules.NAME.", moduleFields)...)
}
