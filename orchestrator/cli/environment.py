"""The settings that a verb takes from the environment beside its options, in one table that its help prints."""

from __future__ import annotations

ENVIRONMENT: dict[str, tuple[tuple[str, str], ...]] = {
    "daemon": (
        ("ROLLOUT_LISTEN", "Where to listen; default 127.0.0.1:8090. Beyond this machine a token is demanded."),
        ("ROLLOUT_OPERATE_TOKEN", "Bearer tokens that may do everything: name=token or token, several by commas."),
        ("ROLLOUT_READ_TOKEN", "Bearer tokens that may only look, in the same form."),
        ("ROLLOUT_ENTRA_TENANT", "Take Entra ID's tokens of this tenant as well; roles Rollout.Read, Rollout.Operate."),
        ("ROLLOUT_ENTRA_AUDIENCE", "The application that they are for, several by commas."),
        ("AZURE_AUTHORITY_HOST", "Where tokens come from in a sovereign cloud; default login.microsoftonline.com."),
        ("ROLLOUT_WEBHOOK_SECRET", "The secret of every webhook, several by commas; without one they answer 401."),
        (
            "ROLLOUT_WEBHOOK_SECRET_ACR, _EVENTGRID, _DISTRIBUTION, _DOCKERHUB, _GITHUB, _SIGNED",
            "The secret of one source, before the one of all.",
        ),
        (
            "ROLLOUT_SECRET_FILES",
            "The folders whose files manifests sent over the API may name as ${file:...}, by colons; default "
            "/run/secrets:/var/run/secrets.",
        ),
        ("ROLLOUT_REGISTRY_RATE", "Questions a second that one registry is asked at most; default 200."),
        ("ROLLOUT_REGISTRY_USER, _PASSWORD", "The login of a registry without one of Azure's or of Docker's."),
        ("ROLLOUT_REGISTRY_HOST", "The one registry that this login is shown to; default any."),
        ("ROLLOUT_REGISTRY_REALM_HOSTS", "Foreign hosts that may issue a registry's tokens, several by commas."),
        ("ROLLOUT_AZURE_ENDPOINT", "Azure Resource Manager elsewhere: a sovereign cloud, or the emulator."),
        ("ROLLOUT_DNS", "host:port of the server that resolves every name; default the system's."),
    ),
}
