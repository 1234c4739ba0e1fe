import type { PodTemplate } from '../../../shared/api/core-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { formatSelector, selectorOfLabels } from '../../../shared/values/selector.ts'
import { column, define, nameColumn } from './define.ts'
import { defaultPodTemplate } from './pod-spec/defaults.ts'
import { validatePodTemplate } from './pod-spec/validate.ts'

export const podTemplates = define<PodTemplate>({
  group: '', version: 'v1', resource: 'podtemplates', kind: 'PodTemplate', namespaced: true, schema: 'core-v1.PodTemplate',
  columns: [
    nameColumn,
    column('Containers', (t) => (t.template?.spec?.containers ?? []).map((c) => c.name).join(','), { description: 'Names of each container in the template.' }),
    column('Images', (t) => (t.template?.spec?.containers ?? []).map((c) => c.image ?? '').join(','), { description: 'Images referenced by each container in the template.' }),
    column('Pod Labels', (t) => formatSelector(selectorOfLabels(t.template?.metadata?.labels ?? {})) || '<none>', { description: 'The labels for the pod template.' }),
  ],
  strategy: {
    default(t) {
      t.template ??= {}
      defaultPodTemplate(t.template)
    },
    prepareForCreate: (t) => { if (t.metadata) t.metadata.generation = 1 },
    prepareForUpdate(t, old) {
      if (t.metadata) t.metadata.generation = (old.metadata?.generation ?? 0) + (equalJson(t.template, old.template) ? 0 : 1)
    },
    validate: (t) => validatePodTemplate(t.template, 'template'),
  },
})
