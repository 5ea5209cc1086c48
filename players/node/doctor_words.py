"""What the doctor says, in a technician's words: for each trouble what is wrong and what to do, in two languages.

Texts have places for the facts of a finding, by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

Language = Literal["en", "vi"]


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    HINT = "hint"
    """Worth knowing; the pole plays."""
    WRONG = "wrong"


class Trouble(StrEnum):
    """Everything that the doctor knows to be wrong with a pole."""

    NOT_PAIRED = "not-paired"
    SETTINGS_WRONG = "settings-wrong"
    KEY_UNUSABLE = "key-unusable"
    NOT_RUNNING = "not-running"
    DISK_READ_ONLY = "disk-read-only"
    DISK_FULL = "disk-full"
    STATE_DAMAGED = "state-damaged"
    NO_CONFIG = "no-config"
    TIME_ZONE_UNKNOWN = "time-zone-unknown"
    TIME_ZONE_DIFFERS = "time-zone-differs"
    OUTBOX_GROWING = "outbox-growing"
    SOUND_LIBRARY_MISSING = "sound-library-missing"
    NO_SOUND_DEVICE = "no-sound-device"
    SOUND_STUCK = "sound-stuck"
    VOLUME_ZERO = "volume-zero"
    VOLUME_ZERO_BY_SERVER = "volume-zero-by-server"
    NO_SERVER = "no-server"
    SERVER_STRANGE = "server-strange"
    CERTIFICATE_UNKNOWN = "certificate-unknown"
    KEY_REFUSED = "key-refused"
    NO_BROKER = "no-broker"
    BROKER_REFUSED = "broker-refused"
    CLOCK_WRONG = "clock-wrong"
    CLOCK_BEFORE_KNOWN = "clock-before-known"
    AMPLIFIER_FAILS = "amplifier-fails"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one check."""

    check: str
    level: Level
    facts: Mapping[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A trouble in one language."""

    what: str
    do: str


def well(check: str, **facts: str) -> Finding:
    """Nothing wrong with it."""
    return Finding(check, Level.OK, facts)


def wrong(check: str, trouble: Trouble, **facts: str) -> Finding:
    """Something that keeps the pole from sounding, or soon will."""
    return Finding(check, Level.WRONG, facts, trouble)


def hint(check: str, trouble: Trouble, **facts: str) -> Finding:
    """Something worth knowing."""
    return Finding(check, Level.HINT, facts, trouble)


def words_of(trouble: Trouble, language: Language, facts: Mapping[str, str]) -> Words:
    """What is wrong and what to do, with the facts in their places."""
    words = TEXTS[trouble][language]
    return Words(words.what.format_map(facts), words.do.format_map(facts))


_T = Trouble

TEXTS: Mapping[Trouble, Mapping[Language, Words]] = {
    _T.NOT_PAIRED: {
        "en": Words(
            "This board belongs to no commune yet: {why}",
            "Ask the office for a pairing code and run `loalang-node pair`.",
        ),
        "vi": Words(
            "Bo mạch chưa ghép nối với xã nào: {why}",
            "Xin mã ghép nối ở văn phòng xã rồi chạy `loalang-node pair`.",
        ),
    },
    _T.SETTINGS_WRONG: {
        "en": Words("The settings cannot be used: {why}", "Correct that line in node.toml."),
        "vi": Words("Tệp cấu hình không dùng được: {why}", "Sửa lại dòng đó trong node.toml."),
    },
    _T.KEY_UNUSABLE: {
        "en": Words(
            "The pole's key cannot be used: {why}",
            "`chmod 600` when others can read it; otherwise pair the pole again.",
        ),
        "vi": Words(
            "Khóa của cụm loa không dùng được: {why}",
            "Nếu người khác đọc được thì `chmod 600`; nếu không, ghép nối lại cụm loa.",
        ),
    },
    _T.NOT_RUNNING: {
        "en": Words("No node plays from {folder} just now.", "`systemctl start loalang-node`, or `loalang-node run`."),
        "vi": Words(
            "Hiện chưa có chương trình nào phát từ {folder}.", "`systemctl start loalang-node` hoặc `loalang-node run`."
        ),
    },
    _T.DISK_READ_ONLY: {
        "en": Words(
            "Nothing can be written to {folder}: {why}",
            "See `dmesg` for errors of the memory card; a card that turned read-only is worn out: replace it.",
        ),
        "vi": Words(
            "Không ghi được vào {folder}: {why}",
            "Xem lỗi thẻ nhớ bằng `dmesg`; thẻ đã chuyển sang chỉ đọc là thẻ hỏng: thay thẻ.",
        ),
    },
    _T.DISK_FULL: {
        "en": Words(
            "The disk is nearly full: {free} left at {folder}.",
            "Delete what is not ours, or lower clips.max_bytes in node.toml.",
        ),
        "vi": Words(
            "Đĩa gần đầy: {folder} chỉ còn {free}.",
            "Xóa bớt tệp lạ, hoặc giảm clips.max_bytes trong node.toml.",
        ),
    },
    _T.STATE_DAMAGED: {
        "en": Words(
            "The pole's memory is damaged: {why}",
            "Stop the service, move state.sqlite3 away and start again; the server sends the timetable anew.",
        ),
        "vi": Words(
            "Bộ nhớ của cụm loa bị hỏng: {why}",
            "Dừng dịch vụ, chuyển state.sqlite3 đi chỗ khác rồi khởi động lại; máy chủ sẽ gửi lại lịch phát.",
        ),
    },
    _T.NO_CONFIG: {
        "en": Words(
            "The pole has never had its configuration: until then it plays emergencies only.",
            "Let it reach the server once.",
        ),
        "vi": Words(
            "Cụm loa chưa nhận được cấu hình: khi chưa có, nó chỉ phát tin khẩn cấp.",
            "Cho cụm loa nối được tới máy chủ một lần.",
        ),
    },
    _T.TIME_ZONE_UNKNOWN: {
        "en": Words("This board does not know the time zone {zone}.", "`apt install tzdata`, or `pip install tzdata`."),
        "vi": Words("Bo mạch không biết múi giờ {zone}.", "`apt install tzdata` hoặc `pip install tzdata`."),
    },
    _T.TIME_ZONE_DIFFERS: {
        "en": Words(
            "The board's time zone is {here}, the commune's {zone}; it plays by the commune's, its logs differ.",
            "`timedatectl set-timezone {zone}`.",
        ),
        "vi": Words(
            "Múi giờ của bo mạch là {here}, của xã là {zone}; loa vẫn phát theo giờ xã, chỉ nhật ký máy là khác.",
            "`timedatectl set-timezone {zone}`.",
        ),
    },
    _T.OUTBOX_GROWING: {
        "en": Words(
            "{count} reports wait for the server, the oldest since {since}.",
            "Mend the line to the server; they go out by themselves then, none is lost.",
        ),
        "vi": Words(
            "Còn {count} báo cáo chưa gửi được, cũ nhất từ {since}.",
            "Sửa đường truyền tới máy chủ; báo cáo sẽ tự gửi đi, không mất cái nào.",
        ),
    },
    _T.SOUND_LIBRARY_MISSING: {
        "en": Words(
            "The output {output} lacks its library: {why}",
            "`apt install libportaudio2 libasound2-plugins`, or for vlc `apt install libvlc5 vlc-plugin-base`.",
        ),
        "vi": Words(
            "Ngõ ra {output} thiếu thư viện: {why}",
            "`apt install libportaudio2 libasound2-plugins`; với vlc: `apt install libvlc5 vlc-plugin-base`.",
        ),
    },
    _T.NO_SOUND_DEVICE: {
        "en": Words(
            "No sound device for the output {output}: {why}",
            "Plug the card in; `aplay -l` lists them; put its name into output.device; "
            "the service's user must be in the group audio.",
        ),
        "vi": Words(
            "Không có thiết bị âm thanh cho ngõ ra {output}: {why}",
            "Cắm lại card âm thanh; `aplay -l` liệt kê các card; ghi tên vào output.device; "
            "tài khoản chạy dịch vụ phải thuộc nhóm audio.",
        ),
    },
    _T.SOUND_STUCK: {
        "en": Words(
            "The sound device opens but takes no samples: {why}",
            "Unplug it and plug it in again; look for another program that holds it (`fuser -v /dev/snd/*`).",
        ),
        "vi": Words(
            "Thiết bị âm thanh mở được nhưng không nhận mẫu âm thanh nào: {why}",
            "Rút ra cắm lại; xem chương trình nào đang giữ nó (`fuser -v /dev/snd/*`).",
        ),
    },
    _T.VOLUME_ZERO: {
        "en": Words(
            "The sound card is silent: {name} is at {percent} % ({switch}).", "`alsamixer`, then `alsactl store`."
        ),
        "vi": Words(
            "Card âm thanh đang câm: {name} ở mức {percent} % ({switch}).", "`alsamixer`, rồi `alsactl store`."
        ),
    },
    _T.VOLUME_ZERO_BY_SERVER: {
        "en": Words(
            "The commune has set this pole's volume to {gain} dB: nobody hears that.", "Raise it on the server's page."
        ),
        "vi": Words(
            "Xã đặt âm lượng cụm loa này ở {gain} dB: không ai nghe thấy.", "Tăng âm lượng trên trang của máy chủ."
        ),
    },
    _T.NO_SERVER: {
        "en": Words(
            "The server does not answer at {url}: {why}",
            "Check the line (SIM, antenna, cable): `ping` a known address; then whether the address is right.",
        ),
        "vi": Words(
            "Máy chủ không trả lời ở {url}: {why}",
            "Kiểm tra đường truyền (SIM, ăng-ten, dây mạng) bằng `ping`; sau đó kiểm tra địa chỉ máy chủ.",
        ),
    },
    _T.SERVER_STRANGE: {
        "en": Words(
            "What answers at {url} is no Loa Làng server: {why}",
            "A captive portal or a proxy stands in between, or the address is another machine's.",
        ),
        "vi": Words(
            "Ở {url} không phải máy chủ Loa Làng trả lời: {why}",
            "Có trang đăng nhập mạng hay proxy chắn giữa, hoặc địa chỉ là của máy khác.",
        ),
    },
    _T.CERTIFICATE_UNKNOWN: {
        "en": Words(
            "{url} answers, but its certificate is by nobody this pole believes: {why}",
            "Has the server been set up anew? Then pair again. If not, somebody stands in between: tell the office.",
        ),
        "vi": Words(
            "{url} có trả lời, nhưng chứng thư không do nơi cụm loa tin cậy cấp: {why}",
            "Nếu máy chủ mới cài lại thì ghép nối lại. Nếu không, có kẻ chen giữa đường truyền: báo văn phòng xã.",
        ),
    },
    _T.KEY_REFUSED: {
        "en": Words(
            "The server refuses this pole's key ({why}).",
            "It was revoked, or another box was paired in its place: ask for a code and pair it again.",
        ),
        "vi": Words(
            "Máy chủ từ chối khóa của cụm loa này ({why}).",
            "Cụm loa đã bị thu hồi hoặc bị ghép nối bằng máy khác: xin mã và ghép nối lại.",
        ),
    },
    _T.NO_BROKER: {
        "en": Words(
            "The broker does not answer at {address}: {why}",
            "The server answers but this port does not: check its firewall, and `mqtt` in its settings.",
        ),
        "vi": Words(
            "Không nối được bộ chuyển tin ở {address}: {why}",
            "Nếu máy chủ vẫn trả lời: kiểm tra tường lửa và mục `mqtt` trong cấu hình máy chủ.",
        ),
    },
    _T.BROKER_REFUSED: {
        "en": Words(
            "The broker at {address} refuses this pole's credential: {why}",
            "It was revoked, or the passwords were changed while it was away: pair it again.",
        ),
        "vi": Words(
            "Bộ chuyển tin ở {address} từ chối cụm loa này: {why}",
            "Cụm loa đã bị thu hồi, hoặc mật khẩu đã đổi khi nó vắng mặt: ghép nối lại.",
        ),
    },
    _T.CLOCK_WRONG: {
        "en": Words(
            "The board's clock is off by {off} from the server's. It plays by the server's as long as it can ask it.",
            "`timedatectl set-ntp true`; replace the clock's battery if the board has one.",
        ),
        "vi": Words(
            "Đồng hồ bo mạch lệch {off} so với máy chủ. Loa phát theo giờ máy chủ khi còn hỏi được.",
            "`timedatectl set-ntp true`; thay pin đồng hồ nếu bo mạch có pin.",
        ),
    },
    _T.CLOCK_BEFORE_KNOWN: {
        "en": Words(
            "The board believes it is {here}, which is before {known}, a time it has already lived through.",
            "Its clock has no battery, or an empty one; it plays nothing planned before the server has told the time.",
        ),
        "vi": Words(
            "Bo mạch tưởng bây giờ là {here}, trước cả {known} là lúc nó đã chạy qua.",
            "Đồng hồ không có pin hoặc hết pin; loa không phát theo lịch cho đến khi máy chủ cho biết giờ.",
        ),
    },
    _T.AMPLIFIER_FAILS: {
        "en": Words(
            "The amplifier's line cannot be used: {why}",
            "See amplifier.chip and amplifier.line in node.toml; "
            "`gpioinfo` lists the lines; the user needs the group gpio.",
        ),
        "vi": Words(
            "Không điều khiển được rơ-le tăng âm: {why}",
            "Xem amplifier.chip và amplifier.line trong node.toml; `gpioinfo` liệt kê các chân; cần thuộc nhóm gpio.",
        ),
    },
}
