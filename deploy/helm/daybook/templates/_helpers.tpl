{{/* The name of a node is that of its pod, at most 32 characters: NAME-0. */}}
{{- define "daybook.name" -}}
{{- $name := ternary .Release.Name (printf "%s-daybook" .Release.Name) (contains "daybook" .Release.Name) -}}
{{- $name | trunc 30 | trimSuffix "-" -}}
{{- end }}

{{- define "daybook.headless" -}}
{{ include "daybook.name" . }}-nodes
{{- end }}

{{- define "daybook.selector" -}}
app.kubernetes.io/name: daybook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "daybook.labels" -}}
{{ include "daybook.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The domain of the pods: a pod finds its own name in /etc/hosts, before DNS knows it. */}}
{{- define "daybook.domain" -}}
{{ include "daybook.headless" . }}.{{ .Release.Namespace }}.svc.{{ .Values.cluster.domain }}
{{- end }}

{{/* The value of --cluster. */}}
{{- define "daybook.members" -}}
{{- $nodes := int .Values.nodes -}}
{{- if not (has $nodes (list 1 3 5)) }}{{ fail "nodes must be 1, 3 or 5" }}{{ end -}}
{{- $members := list -}}
{{- range $i := until $nodes -}}
{{- $pod := printf "%s-%d" (include "daybook.name" $) $i -}}
{{- $members = append $members (printf "%s=%s.%s:%d" $pod $pod (include "daybook.domain" $) (int $.Values.cluster.port)) -}}
{{- end -}}
{{- join "," $members -}}
{{- end }}

{{- define "daybook.secretName" -}}
{{- default (printf "%s-cluster" (include "daybook.name" .)) .Values.cluster.secretName -}}
{{- end }}

{{- define "daybook.publicURL" -}}
{{- if .Values.publicURL -}}
{{ .Values.publicURL }}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
{{ ternary "https" "http" .Values.ingress.tls }}://{{ .Values.ingress.host }}
{{- end -}}
{{- end }}

{{/* Host names that the nodes answer to. */}}
{{- define "daybook.hosts" -}}
{{- $name := include "daybook.name" . -}}
{{- $service := printf "%s.%s" $name .Release.Namespace -}}
{{- $hosts := list "$(POD_IP)" (printf "$(POD_NAME).%s" (include "daybook.domain" .)) $name $service (printf "%s.svc" $service) (printf "%s.svc.%s" $service .Values.cluster.domain) -}}
{{- join "," (concat $hosts .Values.hosts) -}}
{{- end }}
