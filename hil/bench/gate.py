# SPDX-License-Identifier: Apache-2.0
"""Whether a scenario may run on a device: what it needs, and what it may break."""

from collections.abc import Set as AbstractSet


def skip_reasons(
    device: str,
    needs: AbstractSet[str],
    capabilities: AbstractSet[str],
    *,
    destructive: bool = False,
    real: bool = False,
    device_allows: bool = False,
    user_allows: bool = False,
) -> tuple[str, ...]:
    """Why not, one sentence each; none: run it.

    `destructive` is the scenario's mark, `device_allows` the bench file's `destructive: true`,
    `user_allows` the command line's --allow-destructive. A virtual device cannot be broken.
    """
    reasons = [f"{device} does not have {need}" for need in sorted(needs - capabilities)]
    if destructive and real and not device_allows:
        reasons.append(
            f"it is destructive and the bench file does not say `destructive: true` for {device}"
        )
    if destructive and real and not user_allows:
        reasons.append("it is destructive: run it with --allow-destructive if you mean it")
    return tuple(reasons)
