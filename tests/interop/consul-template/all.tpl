motto={{ key "app/motto" }}
absent={{ keyOrDefault "app/absent" "fallback" }}
exists={{ keyExists "app/motto" }}/{{ keyExists "app/absent" }}
ls={{ range ls "app" }}{{ .Key }}:{{ .Value }};{{ end }}
tree={{ range tree "app" }}{{ .Key }}:{{ .Value }};{{ end }}
safe={{ range safeTree "app" }}{{ .Key }};{{ end }}
datacenters={{ range datacenters }}{{ . }};{{ end }}
nodes={{ range nodes }}{{ .Node }}@{{ .Address }};{{ end }}
node={{ with node }}{{ .Node.Node }}:{{ range .Services }}{{ .Service }}/{{ .ID }};{{ end }}{{ end }}
services={{ range services }}{{ .Name }}[{{ .Tags | join "," }}];{{ end }}
web={{ range service "web" }}{{ .ID }}={{ .Address }}:{{ .Port }}[{{ .Tags | join "," }}]{{ .Status }};{{ end }}
any={{ range service "web|any" }}{{ .ID }}:{{ .Status }};{{ end }}
canary={{ range service "canary.web" }}{{ .ID }};{{ end }}
near={{ range service "web~_agent" }}{{ .ID }};{{ end }}
meta={{ range service "web" }}{{ .ServiceMeta.zone }};{{ end }}
checks={{ range service "web|any" }}{{ range .Checks }}{{ .CheckID }}:{{ .Status }};{{ end }}{{ end }}
