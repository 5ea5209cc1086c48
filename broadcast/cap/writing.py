"""From values to XML, in the order of CAP 1.2's schema (section 3.4)."""

from datetime import UTC, datetime, tzinfo

from lxml import etree

from broadcast.cap.model import NAMESPACE, Alert, Area, Info, Named, Resource


def write_alert(alert: Alert, zone: tzinfo = UTC) -> bytes:
    """A message as its XML, in UTF-8; its times are written in this zone."""
    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _add(root, "identifier", alert.identifier)
    _add(root, "sender", alert.sender)
    _add(root, "sent", as_time(alert.sent, zone))
    _add(root, "status", alert.status)
    _add(root, "msgType", alert.msg_type)
    _add(root, "source", alert.source)
    _add(root, "scope", alert.scope)
    _add(root, "restriction", alert.restriction)
    _add(root, "addresses", alert.addresses)
    _add(root, "note", alert.note)
    said = (f"{one.sender},{one.identifier},{as_time(one.sent, zone)}" for one in alert.references)
    _add(root, "references", " ".join(said))
    _add(root, "incidents", alert.incidents)
    for info in alert.infos:
        _add_info(root, info, zone)
    data: bytes = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return data


def as_time(at: datetime, zone: tzinfo) -> str:
    """An instant as section 3.3.2 wants it: whole seconds, with the zone's distance from UTC, never "Z"."""
    return at.astimezone(zone).replace(microsecond=0).isoformat()


def _add_info(root: etree._Element, info: Info, zone: tzinfo) -> None:
    element = etree.SubElement(root, f"{{{NAMESPACE}}}info")
    _add(element, "language", info.language)
    for category in info.categories:
        _add(element, "category", category)
    _add(element, "event", info.event)
    for response in info.responses:
        _add(element, "responseType", response)
    _add(element, "urgency", info.urgency)
    _add(element, "severity", info.severity)
    _add(element, "certainty", info.certainty)
    for name, at in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
        _add(element, name, as_time(at, zone) if at else "")
    _add(element, "senderName", info.sender_name)
    _add(element, "headline", info.headline)
    _add(element, "description", info.description)
    _add(element, "instruction", info.instruction)
    _add(element, "contact", info.contact)
    _add_named(element, "parameter", info.parameters)
    for resource in info.resources:
        _add_resource(element, resource)
    for area in info.areas:
        _add_area(element, area)


def _add_resource(parent: etree._Element, resource: Resource) -> None:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}resource")
    _add(element, "resourceDesc", resource.description)
    _add(element, "mimeType", resource.media_type)
    _add(element, "size", "" if resource.size_bytes is None else str(resource.size_bytes))
    _add(element, "uri", resource.uri)
    _add(element, "digest", resource.sha1)


def _add_area(parent: etree._Element, area: Area) -> None:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}area")
    _add(element, "areaDesc", area.description)
    for polygon in area.polygons:
        _add(element, "polygon", " ".join(f"{point.latitude:.6f},{point.longitude:.6f}" for point in polygon))
    for circle in area.circles:
        at = f"{circle.centre.latitude:.6f},{circle.centre.longitude:.6f}"
        _add(element, "circle", f"{at} {circle.radius_km:.3f}")
    _add_named(element, "geocode", area.geocodes)


def _add_named(parent: etree._Element, name: str, values: tuple[Named, ...]) -> None:
    for one in values:
        element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        _add(element, "valueName", one.name)
        etree.SubElement(element, f"{{{NAMESPACE}}}value").text = one.value


def _add(parent: etree._Element, name: str, text: str) -> None:
    """An element with a text; one that says nothing is left out."""
    if text:
        etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = text
