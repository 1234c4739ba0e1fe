/** Validation of what a pod resolves names with (`validatePodDNSConfig`, `ValidateHostAliases`). Pure. */
import type { HostAlias, PodSpec } from '../../../../shared/api/core-v1.ts'
import { validateDns1123Subdomain } from '../../../../shared/values/names.ts'
import type { FieldError } from '../definition.ts'
import { invalidFor, invalidValue, required } from '../findings.ts'
import { isIP } from '../ip-text.ts'

/** libc's limits. */
const [maxNameservers, maxSearches, maxSearchCharacters] = [3, 32, 2048]
export const ipMessage = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'
const validateIp = (text: string, at: string): FieldError[] => (isIP(text) ? [] : [invalidValue(at, text, ipMessage)])

export function validateDnsConfig({ dnsConfig, dnsPolicy }: PodSpec, at: string): FieldError[] {
  if (dnsPolicy === 'None' && !dnsConfig) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')]
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  if (dnsPolicy === 'None' && !nameservers.length) return [required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')]
  const found: FieldError[] = []
  if (nameservers.length > maxNameservers) found.push(invalidValue(`${at}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`))
  nameservers.forEach((ns, i) => found.push(...validateIp(ns, `${at}.nameservers[${i}]`)))
  if (searches.length > maxSearches) found.push(invalidValue(`${at}.searches`, searches, `must not have more than ${maxSearches} search paths`))
  if (searches.join(' ').length > maxSearchCharacters) found.push(invalidValue(`${at}.searches`, searches, `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`))
  searches.forEach((search, i) => {
    // A dot alone, one at the end and underscores are fine since v1.33.
    const bare = search.replace(/\.$/, '').replaceAll('_', '')
    if (search !== '.') found.push(...invalidFor(`${at}.searches[${i}]`, bare, validateDns1123Subdomain(bare)))
  })
  options.forEach((option, i) => { if (!option.name) found.push(required(`${at}.options[${i}]`, 'must not be empty')) })
  return found
}

export const validateHostAliases = (aliases: readonly HostAlias[] | undefined, at: string): FieldError[] =>
  (aliases ?? []).flatMap(({ ip = '', hostnames }, i) => [
    ...validateIp(ip, `${at}[${i}].ip`), ...(hostnames ?? []).flatMap((h, j) => invalidFor(`${at}[${i}].hostnames[${j}]`, h, validateDns1123Subdomain(h))),
  ])
