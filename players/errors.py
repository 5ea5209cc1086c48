"""What can go wrong on the wire and at the pole.

PlayersError
├── WireError
│   ├── MalformedMessage    bytes that are not a message of ours
│   ├── Distrusted          a signature, key, commune, time or version we do not accept
│   │   └── UnknownKey      signed by a key that we have never been told of
│   ├── TransportClosed     the connection to the broker is gone
│   │   ├── CredentialRefused   the broker does not know us, or no longer
│   │   └── CertificateUnknown  who answers has no certificate by an authority that we believe
│   ├── SubscriptionRefused the broker does not let us hear a topic
│   ├── KeyUnusable         a key file that is missing, damaged or open to others
│   └── BrokerError         the broker could not be started or administered
├── ChildStopped            a child process that does not run and will not be started again
├── ServiceNotInstalled     a systemd unit that could not be made or written
├── PairingError            the server did not accept the pairing
├── ClipUnavailable         a clip could not be had whole and right
└── OutputError
    ├── OutputMissing       no such output, or no such device, on this machine
    └── OutputFailed        the output stopped while it sounded
"""


class PlayersError(Exception):
    """Anything this package raises on purpose."""


class WireError(PlayersError):
    """A message or a connection that cannot be used."""


class MalformedMessage(WireError):
    """Bytes that are not a message of ours."""


class Distrusted(WireError):
    """A signed document that is not to be obeyed; the text says why."""


class UnknownKey(Distrusted):
    """Signed by a key that we have never been told of."""


class TransportClosed(WireError):
    """The connection to the broker is gone."""


class CredentialRefused(TransportClosed):
    """The broker does not know our credential, or no longer."""


class CertificateUnknown(TransportClosed):
    """Who answers has no certificate by an authority that we believe."""


class SubscriptionRefused(WireError):
    """The broker does not let us hear a topic."""


class KeyUnusable(WireError):
    """A key file that is missing, damaged or open to others."""


class BrokerError(WireError):
    """The broker could not be started or administered."""


class ChildStopped(PlayersError):
    """A child process that does not run and will not be started again."""


class PairingError(PlayersError):
    """The server did not accept the pairing; the text is its reason."""


class ServiceNotInstalled(PlayersError):
    """A systemd unit that could not be made or written."""


class ClipUnavailable(PlayersError):
    """A clip could not be had whole and right."""


class OutputError(PlayersError):
    """An audio output that cannot sound."""


class OutputMissing(OutputError):
    """No such output, or no such device, on this machine."""


class OutputFailed(OutputError):
    """The output stopped while it sounded."""
