{{- define "lifeboat.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Every object of the manager bears this name; the leader's lease does too, by a name fixed in the program. */}}
{{- define "lifeboat.manager" -}}
{{ include "lifeboat.fullname" . }}-manager
{{- end -}}

{{- define "lifeboat.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: manager
{{- end -}}

{{- define "lifeboat.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "lifeboat.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* What the manager reads to know whom to tell: no secret is in it. */}}
{{- define "lifeboat.notifications" -}}
{{- $names := list -}}
groupWait: {{ .Values.notifications.groupWait }}
minInterval: {{ .Values.notifications.minInterval }}
notifiers:
{{- range .Values.notifications.notifiers }}
{{- if has .name $names }}{{ fail (printf "notifications.notifiers: the name %q is taken by an earlier one; give each its own" .name) }}{{ end }}
{{- $names = append $names .name }}
  - name: {{ .name | quote }}
    type: {{ .type }}
    {{- if .urlFrom }}
    urlFile: /etc/lifeboat/notifiers/{{ .name }}/url
    {{- else }}
    url: {{ .url | quote }}
    {{- end }}
    {{- with .severity }}
    severity: {{ . }}
    {{- end }}
    {{- with .namespaces }}
    namespaces: {{ toJson . }}
    {{- end }}
    {{- if hasKey . "resolved" }}
    resolved: {{ .resolved }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* The same, with the URLs that Secrets hold. One that is missing keeps nobody from being backed up: its notifier fails, and says so. */}}
{{- define "lifeboat.notificationsVolume" -}}
- name: notifications
  projected:
    defaultMode: 0444
    sources:
      - configMap:
          name: {{ include "lifeboat.manager" . }}-notifications
      {{- range $notifier := .Values.notifications.notifiers }}
      {{- with $notifier.urlFrom }}
      - secret:
          name: {{ .secretKeyRef.name }}
          optional: true
          items:
            - key: {{ .secretKeyRef.key | quote }}
              path: notifiers/{{ $notifier.name }}/url
      {{- end }}
      {{- end }}
{{- end -}}
