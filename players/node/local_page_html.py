"""What the pole's own page says, in Vietnamese. Everything that comes from elsewhere is escaped."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from players.messages import Severity
from players.node.local_desk import Look

_STYLE = """
body{font:20px/1.5 sans-serif;margin:0 auto;max-width:34rem;padding:1rem;background:#fff;color:#111}
button,input{font:inherit;box-sizing:border-box;width:100%;min-height:64px;margin:.4rem 0;border-radius:.6rem}
input{border:2px solid #444;padding:0 .8rem;text-transform:uppercase}
button{border:0;background:#b00020;color:#fff;font-weight:700;padding:.6rem}
button.calm{background:#1f4e79}button.stop{background:#fff;color:#b00020;border:3px solid #b00020}
.said{border-left:6px solid #b00020;padding:.3rem .8rem;font-weight:700}
a{display:block;padding:1rem 0}
"""
STYLE_HASH = f"sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}"
"""Of the one style that the page's policy allows."""
_GRAVE = {Severity.EXTREME, Severity.SEVERE}


def card_page(said: str, card: str) -> str:
    """Asks for a card; `said` is what went wrong, `card` what is known of it."""
    return _page(
        "Phát khẩn cấp tại loa",
        f"""{_said(said)}<p>Nhập mã trên thẻ phát khẩn cấp của bạn. Trang này dùng được cả khi mất mạng.</p>
<form method="post" action="/the"><label for="card">Mã thẻ</label>
<input id="card" name="card" value="{escape(card[:100])}" required maxlength="100" autocomplete="off"
 autocapitalize="characters" spellcheck="false" placeholder="12-ABCD-EFGH-…">
<button class="calm" type="submit">Mở</button></form>""",
    )


def messages_page(look: Look, secret: str, press: str, said: str) -> str:
    """The zone's messages as buttons, and what the pole does.

    `press` names the form, which is one press however often it is sent; `said` is what became of the last.
    """
    hidden = f'<input type="hidden" name="visit" value="{escape(secret)}">'
    hidden += f'<input type="hidden" name="press" value="{escape(press)}">'
    stop = (
        f'<form method="post" action="/dung">{hidden}<button class="stop">Dừng</button></form>' if look.may_stop else ""
    )
    buttons = "".join(
        f"""<button class="{"" if one.severity in _GRAVE else "calm"}" name="message" value="{escape(one.key)}">
{escape(one.title)}</button>"""
        for one in look.messages
    )
    start = f'<form method="post" action="/phat">{hidden}{buttons}</form>' if buttons else ""
    nothing = "" if buttons else "<p>Cụm loa này chưa nhận được mẫu tin nào từ máy chủ.</p>"
    return _page(
        look.name or "Cụm loa",
        f"""{_said(said)}{_said(look.sounds or "Loa đang im lặng.")}{stop}
<p>Nhấn để phát ngay ở cụm loa này và các cụm loa cùng mạng:</p>{start}{nothing}<a href="/">Tải lại</a>""",
    )


def _said(said: str) -> str:
    return f'<p class="said" role="status">{escape(said)}</p>' if said else ""


def _page(title: str, body: str) -> str:
    return f"""<!doctype html><html lang="vi"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{escape(title)}</title>
<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"""
