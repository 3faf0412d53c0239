//! Owns how a note's Markdown becomes HTML that a page can show as it is.
//! Must not know whose note it is.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// A note as HTML. It has the elements that Markdown makes, and no others: HTML in a note is shown as the text that it is, a
/// link leads to http and https only, and a picture is a link to it, since whoever opens the page should not be told to others.
#[must_use]
pub fn to_html(markdown: &str) -> String {
    // Whether each open link is one, the last innermost.
    let mut links = Vec::new();
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let events = events.filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let leads = leads_outside(&dest_url);
            links.push(leads);
            leads.then(|| {
                let href = escaped(&dest_url);
                let open = format!("<a href=\"{href}\" rel=\"noopener noreferrer\" target=\"_blank\">");
                Event::InlineHtml(CowStr::from(open))
            })
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            links.pop().unwrap_or(false).then_some(Event::InlineHtml(CowStr::Borrowed("</a>")))
        }
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        // The card around it has a heading of the second level.
        Event::Start(Tag::Heading { level, .. }) => {
            let level = lower(level);
            Some(Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        Event::Start(tag) => is_kept(&tag.to_end()).then_some(Event::Start(tag)),
        Event::End(tag) => is_kept(&tag).then_some(Event::End(tag)),
        Event::Text(_) | Event::Code(_) | Event::SoftBreak | Event::HardBreak | Event::Rule => Some(event),
        // Of extensions that are off.
        Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => None,
    });
    let mut text = String::new();
    html::push_html(&mut text, events);
    text
}

/// The whitelist, beside links and headings.
fn is_kept(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph
            | TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
    )
}

/// A heading's level within the card.
fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

fn leads_outside(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// A text as an attribute's value.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expect: &str) {
        assert_eq!(to_html(markdown).trim_end(), expect, "{markdown}");
    }

    #[test]
    fn markdown_becomes_html() {
        check("", "");
        check("Two *words*, **bold**", "<p>Two <em>words</em>, <strong>bold</strong></p>");
        check("# Head\n- a\n- b", "<h3>Head</h3>\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>");
        check("`x < 1`", "<p><code>x &lt; 1</code></p>");
        check(
            "| a |\n|---|\n| 1 |",
            "<table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>1</td></tr>\n</tbody></table>",
        );
        let link = "<a href=\"https://example.org/?a=1&amp;b=2\" rel=\"noopener noreferrer\" target=\"_blank\">see</a>";
        check("[see](https://example.org/?a=1&b=2)", &format!("<p>{link}</p>"));
    }

    #[test]
    fn what_is_no_markdown_stays_text() {
        check("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>");
        check("a <img src=x onerror=alert(1)> b", "<p>a &lt;img src=x onerror=alert(1)&gt; b</p>");
        check("<div>\n*x*\n</div>", "<p>&lt;div&gt;\n*x*\n&lt;/div&gt;</p>");
        check("&lt;b&gt;", "<p>&lt;b&gt;</p>");
        check("<!-- x -->", "<p>&lt;!-- x --&gt;</p>");
    }

    #[test]
    fn links_lead_to_the_web_only() {
        for url in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "javascript://example.org/%0aalert(1)",
            "data:text/html,1",
            "vbscript:x",
            "//example.org",
            "/runs",
            "file:///etc/passwd",
            "&#106;avascript:alert(1)",
        ] {
            check(&format!("[x](<{url}>)"), "<p>x</p>");
            check(&format!("![x](<{url}>)"), "<p>x</p>");
        }
        check("<javascript:alert(1)>", "<p>javascript:alert(1)</p>");
        // A picture is not loaded from elsewhere.
        let link = "<a href=\"https://example.org/a.png\" rel=\"noopener noreferrer\" target=\"_blank\">alt</a>";
        check("![alt](https://example.org/a.png \"t\")", &format!("<p>{link}</p>"));
    }

    #[test]
    fn no_attribute_is_left_open() {
        let html = to_html("[x](https://e.org/\"onmouseover=alert(1)//) [y](https://e.org/'><script>1</script>)");
        assert!(!html.contains("<script") && !html.contains("\"onmouseover"), "{html}");
        let html = to_html("```\" onload=\"alert(1)\nx\n```\n\n# h {#a onclick=b}\n");
        assert!(!html.contains("\" onload") && html.contains("<h3>h {#a onclick=b}</h3>"), "{html}");
    }

    mod any_text {
        use super::super::to_html;
        use proptest::prelude::*;

        proptest! {
            /// Every tag that comes out is one of the whitelist, with the attributes that are written here.
            #[test]
            fn has_only_the_elements_of_a_note(text in "[\\[\\]()<>\"'&!#*`| a-z:/=\n-]{0,120}") {
                let html = to_html(&text);
                for tag in html.split('<').skip(1) {
                    let (tag, _) = tag.split_once('>').unwrap_or((tag, ""));
                    let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
                    let known = ["p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "del", "code", "pre", "a",
                        "blockquote", "hr", "br", "table", "thead", "tbody", "tr", "th", "td"];
                    prop_assert!(known.contains(&name), "{tag} of {text:?} in {html:?}");
                    prop_assert!(!tag.contains(" on"), "{tag} of {text:?}");
                }
            }
        }
    }
}
