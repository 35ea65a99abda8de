{{- define "namesrv.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "namesrv.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "namesrv.labels" -}}
{{ include "namesrv.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* The domain below which each pod has its name. */}}
{{- define "namesrv.podDomain" -}}
{{ include "namesrv.name" . }}-headless.{{ .Release.Namespace }}.svc
{{- end }}

{{/* host:port of each pod, as brokers and clients take them. */}}
{{- define "namesrv.addresses" -}}
{{- $name := include "namesrv.name" . -}}
{{- range $i := until (int .Values.replicas) -}}
{{- if $i }};{{ end }}{{ $name }}-{{ $i }}.{{ include "namesrv.podDomain" $ }}:9876
{{- end -}}
{{- end }}

{{/* host:port of each pod's controller, as brokers take them. */}}
{{- define "namesrv.controllers" -}}
{{- $name := include "namesrv.name" . -}}
{{- range $i := until (int .Values.replicas) -}}
{{- if $i }};{{ end }}{{ $name }}-{{ $i }}.{{ include "namesrv.podDomain" $ }}:9878
{{- end -}}
{{- end }}

{{/* The same with their ids: n0-host:port. */}}
{{- define "namesrv.controllerPeers" -}}
{{- range $i, $address := splitList ";" (include "namesrv.controllers" .) -}}
{{- if $i }};{{ end }}n{{ $i }}-{{ $address }}
{{- end -}}
{{- end }}
