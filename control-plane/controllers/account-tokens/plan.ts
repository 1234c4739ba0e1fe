/** Secrets of type `kubernetes.io/service-account-token`: what each lacks (`pkg/controller/serviceaccount/tokens_controller.go`). Pure. */
import type { Secret, ServiceAccount } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'

export const tokenType = 'kubernetes.io/service-account-token'
export const nameAnnotation = 'kubernetes.io/service-account.name'
export const uidAnnotation = 'kubernetes.io/service-account.uid'

export type Plan =
  | { readonly do: 'nothing' | 'delete' }
  /** `data` in base64 and `token` where a new one is to be made. */
  | { readonly do: 'fill'; readonly uid: string; readonly token: boolean; readonly data: Readonly<Record<string, string>> }

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** `account`: as the newest state has it; without it, or with another uid, the Secret goes. */
export function planTokenSecret(secret: Stored<Secret>, account: Stored<ServiceAccount> | undefined, ca: string): Plan {
  if (secret.type !== tokenType || secret.metadata.deletionTimestamp) return { do: 'nothing' }
  const { annotations, namespace = '' } = secret.metadata
  const uid = annotations?.[uidAnnotation]
  if (!account || (uid && uid !== account.metadata.uid)) return { do: 'delete' }
  const wanted = { 'ca.crt': base64(ca), namespace: base64(namespace) }
  const token = !secret.data?.token
  const data = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => (key === 'ca.crt' ? secret.data?.[key] !== value : !secret.data?.[key])))
  return token || Object.keys(data).length || !uid ? { do: 'fill', uid: account.metadata.uid, token, data } : { do: 'nothing' }
}
