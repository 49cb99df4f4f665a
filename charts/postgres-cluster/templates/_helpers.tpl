{{/* What several templates share. */}}

{{/* The cluster's name. A release's name may be longer than a cluster's: then it has to be given. */}}
{{- define "cluster.name" -}}
{{- $name := .Values.name | default .Release.Name -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" $name) -}}
{{- fail (printf "the cluster's name '%s' must be a DNS label of at most 40 characters that starts with a letter: set `name`" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* Labels on every object. */}}
{{- define "cluster.labels" -}}
{{- with .Values.labels }}
{{- toYaml . }}
{{ end -}}
app.kubernetes.io/name: postgres-cluster
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.engine.version | quote }}
app.kubernetes.io/part-of: stylobate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Annotations on every object. */}}
{{- define "cluster.annotations" -}}
{{- $all := .Values.annotations | default dict -}}
{{- if .Values.keep }}{{ $all = merge (dict "helm.sh/resource-policy" "keep") $all }}{{ end -}}
{{- with $all -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels of the pooler's pods, as src/name.rs makes them. */}}
{{- define "cluster.pooler" -}}
stylobate.dev/cluster: {{ include "cluster.name" . }}
app.kubernetes.io/component: pooler
{{- end }}

{{/* Text as one word of a shell. */}}
{{- define "cluster.word" -}}
'{{ . | replace "'" "'\\''" }}'
{{- end }}

{{/* Name of the ConfigMap of a layer that is made here: (list root layer). */}}
{{- define "cluster.tuning" -}}
{{ include "cluster.name" (index . 0) }}-tuning-{{ (index . 1).name }}
{{- end }}

{{/*
Secret with a user's password: (list root user). The same rule as user_secret() in src/name.rs: a name that is no DNS
label is shown by a digest.
*/}}
{{- define "cluster.userSecret" -}}
{{- $name := (index . 1).name -}}
{{- if (index . 1).password -}}
{{ (index . 1).password.secret }}
{{- else if regexMatch "^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$" $name -}}
{{ include "cluster.name" (index . 0) }}-user-{{ $name }}
{{- else -}}
{{ include "cluster.name" (index . 0) }}-user-x{{ $name | sha256sum | trunc 10 }}
{{- end -}}
{{- end }}
