/** What volumes and claims share: access modes and their names in tables, classes. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']
/** In the order upstream prints them. */
const shortForms = [['ReadWriteOnce', 'RWO'], ['ReadOnlyMany', 'ROX'], ['ReadWriteMany', 'RWX'], ['ReadWriteOncePod', 'RWOP']] as const
export const accessModesText = (modes: readonly string[] | undefined): string => shortForms.filter(([mode]) => modes?.includes(mode)).map(([, text]) => text).join(',')

/** The class's older place. */
export const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

export function classOf(object: KubeObject & { spec?: { storageClassName?: string } }): string {
  return object.metadata?.annotations?.[classAnnotation] ?? object.spec?.storageClassName ?? ''
}
