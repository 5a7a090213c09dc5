"""What a validation found: checks, offenders by key, and how to fix them."""

from dataclasses import dataclass, field

ERROR, WARNING, NOT_CHECKED = "error", "warning", "not checked"
SHOWN_OFFENDERS = 5


@dataclass
class Check:
    """One rule, over all keys it was tried on."""

    name: str
    fix: str  # how to fix an offender
    severity: str = ERROR  # of an offender
    num_checked: int = 0
    offenders: list[tuple[str, str]] = field(default_factory=list)  # (key, what is wrong)
    note: str = ""  # why it was not checked, or what it was checked against

    def offend(self, key: str, message: str) -> None:
        self.offenders.append((key, message))

    @property
    def status(self) -> str:
        if self.offenders:
            return self.severity
        return NOT_CHECKED if self.num_checked == 0 else "ok"


@dataclass
class Report:
    """All checks of one directory."""

    directory: str
    kind: str  # "mixtures" or "sources for dynamic mixing"
    num_keys: int = 0
    checks: list[Check] = field(default_factory=list)

    def check(self, name: str, fix: str, severity: str = ERROR) -> Check:
        """Begin a new check."""
        self.checks.append(Check(name, fix, severity))
        return self.checks[-1]

    def __getitem__(self, name: str) -> Check:
        return next(check for check in self.checks if check.name == name)

    @property
    def num_errors(self) -> int:
        return sum(check.status == ERROR for check in self.checks)

    def render(self) -> str:
        """The table, then the first offenders of each failed check and how to fix them."""
        lines = [f"{self.directory}: {self.num_keys} keys, {self.kind}"]
        width = max((len(check.name) for check in self.checks), default=0)
        for check in self.checks:
            amount = (
                f"{len(check.offenders)} of {check.num_checked}"
                if check.offenders
                else str(check.num_checked)
            )
            note = f"  ({check.note})" if check.note else ""
            lines.append(f"  {check.name:<{width}}  {check.status:<11}  {amount:>12}{note}")
        for check in self.checks:
            if not check.offenders:
                continue
            lines.append(f"  {check.status.upper()}: {check.name}")
            lines.extend(f"    {key}: {message}" for key, message in check.offenders[:SHOWN_OFFENDERS])
            hidden = len(check.offenders) - SHOWN_OFFENDERS
            if hidden > 0:
                lines.append(f"    ... and {hidden} more")
            lines.append(f"    fix: {check.fix}")
        failed = self.num_errors
        lines.append(f"  {'VALID' if failed == 0 else f'INVALID: {failed} check(s) failed'}")
        return "\n".join(lines)
