"""What is said of a voice that cannot be had or used, by code: in English for terminals, in Vietnamese for pages."""

VOICE_TROUBLES: dict[str, tuple[str, str]] = {
    # Which voice is meant.
    "bad-voice-name": ("{name!r} cannot be the name of a voice", "tên giọng đọc không hợp lệ: {name!r}"),
    "not-installed": ("voice {name} is not installed", "chưa cài giọng đọc {name}"),
    "no-such-voice": ("no voice {name!r} is known", "không có giọng đọc tên {name!r}"),
    "built-in-name": ("{name} is the name of a built-in voice", "{name} là tên của giọng có sẵn"),
    "no-espeak": (
        "espeak-ng is not on this machine (Debian package: espeak-ng)",
        "espeak-ng không có trên máy này (gói Debian: espeak-ng)",
    ),
    # Its files.
    "not-one-model": (
        "{where} must hold exactly one .onnx file (there are {count})",
        "{where} phải có đúng một tệp .onnx (đang có {count})",
    ),
    "no-config": ("{file} is missing", "thiếu tệp {file}"),
    "unreadable": ("{file} cannot be read: {why}", "không đọc được {file}: {why}"),
    "not-a-config": (
        "{file} is no config of a Piper voice (missing or wrong: {what})",
        "{file} không phải cấu hình của một giọng Piper (thiếu hoặc sai: {what})",
    ),
    "too-large": (
        "{file} is larger than {limit_mb} MB: no file of a Piper voice",
        "{file} lớn hơn {limit_mb} MB: không phải tệp của một giọng Piper",
    ),
    "not-a-zip": ("{file} is no readable ZIP file: {why}", "{file} không phải tệp ZIP đọc được: {why}"),
    "changed": (
        "{file} has been changed or damaged since it was installed",
        "{file} đã bị thay đổi hoặc hỏng từ khi cài",
    ),
    "wrong-size": (
        "{file} is {size} bytes long, it should be {expected}",
        "{file} dài {size} byte, đúng ra là {expected}",
    ),
    "wrong-digest": (
        "{file} does not have its {kind} digest: damaged, or another file",
        "{file} không đúng mã kiểm tra {kind}: tệp hỏng hoặc đã bị thay",
    ),
    # What its config says.
    "bad-sample-rate": (
        "a sample rate of {rate} Hz is outside {lowest}–{highest} Hz",
        "tần số lấy mẫu {rate} Hz ngoài khoảng {lowest}–{highest} Hz",
    ),
    "no-speaker": ("the config has no speaker", "cấu hình không có người đọc nào"),
    "bad-phoneme-type": (
        "phoneme type {kind!r} cannot read Vietnamese (espeak or text is needed)",
        "kiểu âm vị {kind!r} không dùng được cho tiếng Việt (cần espeak hoặc text)",
    ),
    "missing-phonemes": (
        "the model's phoneme map lacks {count} sounds of Vietnamese: {shown}",
        "bảng âm vị của mô hình thiếu {count} âm của tiếng Việt: {shown}",
    ),
    # How its model does.
    "not-loadable": ("voice {name} cannot be loaded: {why}", "giọng {name} không đọc được: {why}"),
    "too-slow-to-try": (
        "the model {file} did not finish a sentence in {seconds} s",
        "mô hình {file} không đọc xong một câu trong {seconds} giây",
    ),
    "trial-died": ("the model {file} cannot be run (status {status})", "mô hình {file} không chạy được (mã {status})"),
    "trial-failed": ("the model {file} cannot speak: {why}", "mô hình {file} không đọc được: {why}"),
    "not-speech": (
        "the model {file} made {seconds:.1f} s of loudness {rms:.4f} of the trial sentence",
        "mô hình {file} đọc câu thử thành {seconds:.1f} giây, độ lớn {rms:.4f}",
    ),
    # Fetching it.
    "fetched-elsewhere": (
        "voice {name} is being fetched by somebody else just now",
        "giọng {name} đang được tải ở một cửa sổ khác",
    ),
    "fetch-incomplete": (
        "{file} has not come whole ({why}); the next try goes on from there",
        "chưa tải xong {file} ({why}); lần sau sẽ tải tiếp",
    ),
    "fetched-wrong": ("what was fetched is not the voice: {why}", "tệp tải về không đúng: {why}"),
    "sent-too-much": (
        "the server sends more than the {size} bytes of {file}",
        "máy chủ gửi nhiều hơn {size} byte của {file}",
    ),
    "sent-another": (
        "the server sends another file: {length} bytes instead of {expected}",
        "máy chủ gửi một tệp khác: {length} byte thay vì {expected}",
    ),
    "sent-wrong-range": ("the server sends a wrong part of {file}", "máy chủ gửi sai đoạn của {file}"),
    "server-refused": ("the server answered {status} for {file}", "máy chủ trả lời {status} cho {file}"),
    "no-room": (
        "{free_mb} MB are free on the disk, this voice needs {needed_mb} MB",
        "đĩa còn {free_mb} MB, giọng này cần {needed_mb} MB",
    ),
    # Putting it in place, taking it away.
    "cannot-write": ("the folder of voices cannot be written: {why}", "không ghi được vào thư mục giọng đọc: {why}"),
    "cannot-install": ("voice {name} cannot be put in place: {why}", "không cài được giọng {name}: {why}"),
    "cannot-remove": ("voice {name} cannot be removed: {why}", "không gỡ được giọng {name}: {why}"),
}
