/** What a job's `podFailurePolicy` says about a failed pod (upstream `pkg/controller/job/pod_failure_policy.go`): the first rule that matches. Pure. */
import type { PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement } from '../../../shared/api/batch-v1.ts'
import type { ContainerStatus, Pod } from '../../../shared/api/core-v1.ts'

export type FailureAction = { readonly action: 'Count' | 'Ignore' | 'FailIndex' } | { readonly action: 'FailJob'; readonly message: string }

export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureAction {
  for (const [i, rule] of (policy?.rules ?? []).entries()) {
    const exited = rule.onExitCodes && matchingExit(pod, rule.onExitCodes)
    const condition = exited ? undefined : rule.onPodConditions?.map((p) => pod.status?.conditions?.find((c) => c.type === p.type && c.status === p.status)).find((c) => c !== undefined)
    if (!exited && !condition) continue
    if (rule.action !== 'FailJob') return { action: rule.action as 'Count' | 'Ignore' | 'FailIndex' }
    const where = `pod ${pod.metadata?.namespace}/${pod.metadata?.name}`
    const message = exited ? `Container ${exited.name} for ${where} failed with exit code ${exited.state?.terminated?.exitCode} matching FailJob rule at index ${i}`
      : `Pod ${pod.metadata?.namespace}/${pod.metadata?.name} has condition ${condition?.type} matching FailJob rule at index ${i}`
    return { action: 'FailJob', message }
  }
  return { action: 'Count' }
}

function matchingExit({ status }: Pod, { containerName, operator, values }: PodFailurePolicyOnExitCodesRequirement): ContainerStatus | undefined {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((s) => {
    const code = s.state?.terminated?.exitCode
    if (code === undefined || code === 0 || (containerName !== undefined && s.name !== containerName)) return false
    return operator === 'In' ? values.includes(code) : operator === 'NotIn' && !values.includes(code)
  })
}
