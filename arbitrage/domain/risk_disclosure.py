"""What a person must have read before real orders leave (R6.2). Pure text; a change of it is a new version."""

RISKS_VERSION = "2026-11-26"
"""Changed with every change of the text: who accepted an older one is asked again."""

RISKS = (
    "K-Arb places real orders with real money on Upbit and Bithumb without asking again.",
    "The two legs of an arb are two orders on two exchanges. One can fill and the other not; evening that out costs"
    " money, and can fail.",
    "Prices, fees, limits and interfaces of an exchange can change, or an exchange can stop, at any moment, with"
    " orders open.",
    "An exchange can be closed for deposits or withdrawals, can freeze an account, or can fail with your balances.",
    "A limit of loss is a limit at which nothing new is opened. It is no promise that the loss ends there.",
    "A dry run and a simulation show what the program does, not what a market will do. Past profit says nothing.",
    "You alone answer for the law, the taxes and the exchanges' terms that apply to you.",
    "You know how to stop it: `python manage.py emergency_stop --reason ...`, or the red button of the dashboard.",
)


def risks_text() -> str:
    """Return the disclosure as numbered lines under its version."""
    lines = [f"{number}. {line}" for number, line in enumerate(RISKS, 1)]
    return "\n".join([f"Risk disclosure, version {RISKS_VERSION}", *lines])
