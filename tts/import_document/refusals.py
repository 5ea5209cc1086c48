"""Why a document cannot be read: one line each, for the terminal and for the screen."""

from enum import StrEnum

from tts.errors import DocumentRefused


class Refused(StrEnum):
    """The stable codes."""

    EMPTY_FILE = "empty-file"
    UNKNOWN_KIND = "unknown-kind"
    BROKEN_FILE = "broken-file"
    ENCRYPTED = "encrypted"
    TOO_MANY_PAGES = "too-many-pages"
    IMAGE_TOO_LARGE = "image-too-large"
    UNPACKS_TOO_LARGE = "unpacks-too-large"
    TOO_MUCH_TEXT = "too-much-text"
    NO_TEXT = "no-text"
    OFFICE_MISSING = "office-missing"
    OCR_MISSING = "ocr-missing"
    TOO_LONG = "too-long"
    TOO_MUCH_MEMORY = "too-much-memory"
    READER_ENDED = "reader-ended"


_TEXTS: dict[Refused, tuple[str, str]] = {
    Refused.EMPTY_FILE: ("the file is empty", "Tệp này rỗng, không có nội dung."),
    Refused.UNKNOWN_KIND: (
        "neither a Word, OpenDocument or PDF document nor a picture (judged by content, not by name)",
        "Không đọc được loại tệp này. Hãy gửi tệp Word (.docx, .doc), .odt, PDF, hoặc ảnh chụp (.jpg, .png, .heic).",
    ),
    Refused.BROKEN_FILE: (
        "the file is damaged or cut off",
        "Tệp bị hỏng hoặc thiếu một phần. Hãy mở tệp, lưu lại rồi gửi lần nữa.",
    ),
    Refused.ENCRYPTED: (
        "the document is protected by a password",
        "Tài liệu được đặt mật khẩu. Hãy bỏ mật khẩu, lưu lại rồi gửi lần nữa.",
    ),
    Refused.TOO_MANY_PAGES: (
        "the document has {found} pages; at most {most} are read",
        "Tài liệu có {found} trang; mỗi lần đọc được nhiều nhất {most} trang. Hãy tách riêng phần cần phát.",
    ),
    Refused.IMAGE_TOO_LARGE: (
        "the picture has {found} megapixels; at most {most} are read",
        "Ảnh quá lớn ({found} triệu điểm ảnh); đọc được nhiều nhất {most} triệu. Hãy chụp lại hoặc thu nhỏ ảnh.",
    ),
    Refused.UNPACKS_TOO_LARGE: (
        "the file unpacks to more than {most} MB",
        "Tệp nén bất thường: mở ra lớn hơn {most} MB nên không được nhận.",
    ),
    Refused.TOO_MUCH_TEXT: (
        "the document holds more than {most} characters",
        "Tài liệu quá dài: hơn {most} ký tự. Hãy tách riêng phần cần phát.",
    ),
    Refused.NO_TEXT: (
        "no text was found in the document",
        "Không thấy chữ nào trong tài liệu. Nếu là ảnh, hãy chụp lại thẳng, đủ sáng và rõ nét.",
    ),
    Refused.OFFICE_MISSING: (
        "an old format (.doc, .rtf) needs LibreOffice, which is not installed",
        "Máy chủ chưa cài LibreOffice nên chưa đọc được tệp .doc kiểu cũ. Hãy lưu lại thành .docx rồi gửi.",
    ),
    Refused.OCR_MISSING: (
        "reading pictures needs tesseract with Vietnamese (tesseract-ocr, tesseract-ocr-vie)",
        "Máy chủ chưa cài phần đọc chữ trong ảnh. Hãy báo người quản trị cài gói tesseract-ocr và tesseract-ocr-vie.",
    ),
    Refused.TOO_LONG: (
        "reading the document took longer than {most} s",
        "Đọc tài liệu này mất quá {most} giây nên đã dừng. Hãy tách bớt trang hoặc gửi bản khác.",
    ),
    Refused.TOO_MUCH_MEMORY: (
        "reading the document needs more memory than allowed",
        "Tài liệu này cần quá nhiều bộ nhớ để đọc nên đã dừng. Hãy gửi bản nhỏ hơn.",
    ),
    Refused.READER_ENDED: (
        "the reader ended without a result",
        "Việc đọc tài liệu bị dừng giữa chừng. Hãy gửi lại; nếu vẫn vậy, tệp có thể bị hỏng.",
    ),
}


def refusal(code: Refused, *, found: int = 0, most: int = 0) -> DocumentRefused:
    """The error of that code, with its numbers in place."""
    english, vietnamese = (text.format(found=found, most=most) for text in _TEXTS[code])
    return DocumentRefused(code.value, english, vietnamese)
