{{/*
What several templates share. Names are fixed: the operator watches the whole Kubernetes cluster, so there is one
release of it, and a second one is refused by helm because the ClusterRole `stylobate` is the first one's.
*/}}

{{/* Labels that select the operator's pods. Not `stylobate`, which is the name that children of clusters bear. */}}
{{- define "stylobate.selector" -}}
app.kubernetes.io/name: stylobate-operator
{{- end }}

{{/* Labels on every object. */}}
{{- define "stylobate.labels" -}}
{{ include "stylobate.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: stylobate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The operator as the subject of a binding. */}}
{{- define "stylobate.subject" -}}
- kind: ServiceAccount
  name: stylobate
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* The operator's image: the digest counts where there is one, the tag is for a person to read. */}}
{{- define "stylobate.image" -}}
{{- $named := printf "%s/operator:%s" .Values.image.prefix .Values.image.tag -}}
{{- with .Values.image.digest }}{{ printf "%s@%s" $named . }}{{ else }}{{ $named }}{{ end }}
{{- end }}

{{- define "stylobate.poolerImage" -}}
{{- required "pooler.image is empty: released charts name it; for images of your own, give the values that `images/engine-images.sh values` prints" (.Values.pooler).image }}
{{- end }}
