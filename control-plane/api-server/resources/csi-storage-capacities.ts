import type { CSIStorageCapacity } from '../../../shared/api/storage-v1.ts'
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { parseQuantity } from '../../../shared/values/quantity.ts'
import { column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidFor, invalidValue, nonNegativeMessage } from './findings.ts'
import { unchanged, validateLabelSelector } from './object-meta.ts'

function validate(c: CSIStorageCapacity): FieldError[] {
  const found = [...validateLabelSelector(c.nodeTopology, 'nodeTopology'), ...invalidFor('storageClassName', c.storageClassName ?? '', validateDns1123Subdomain(c.storageClassName ?? ''))]
  for (const f of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = c[f]
    if (amount !== undefined && parseQuantity(amount).nano < 0n) found.push(invalidValue(f, amount, nonNegativeMessage))
  }
  return found
}

export const csiStorageCapacities = define<CSIStorageCapacity>({
  group: 'storage.k8s.io', version: 'v1', resource: 'csistoragecapacities', kind: 'CSIStorageCapacity', namespaced: true, schema: 'storage-v1.CSIStorageCapacity',
  columns: [
    nameColumn, column('StorageClassName', (c) => c.storageClassName ?? '', { description: 'storageClassName represents the name of the StorageClass that the reported capacity applies to.' }),
    column('Capacity', (c) => c.capacity ?? '<unset>', { description: 'capacity is the value reported by the CSI driver in its GetCapacityResponse for a GetCapacityRequest with topology and parameters that match the previous fields.' }),
  ],
  strategy: { validate, allowUnconditionalUpdate: false, validateUpdate: (c, old) => [...unchanged('nodeTopology', c.nodeTopology, old.nodeTopology), ...unchanged('storageClassName', c.storageClassName, old.storageClassName)] },
})
