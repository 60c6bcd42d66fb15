//! Colours of the plots, and how they follow the page's light and dark scheme.
//!
//! Every colour is drawn with a value of its own that stands nowhere else. In the page each is
//! replaced with a CSS variable of the same role, so that the scheme decides; in a file of its own
//! the plot keeps these values on white.

use plotters::style::RGBColor;

/// Text and axes.
pub const INK: RGBColor = RGBColor(0x1c, 0x21, 0x28);
/// Less important text.
pub const MUTED: RGBColor = RGBColor(0x5b, 0x65, 0x73);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(0xe1, 0xe5, 0xea);
/// The lines and points of the first, second, third and fourth series. Chosen to differ in
/// lightness as well as in hue; line patterns and labels tell them apart without colour.
pub const SERIES: [RGBColor; 4] = [
    RGBColor(0x1f, 0x6f, 0xc4),
    RGBColor(0xc2, 0x5e, 0x12),
    RGBColor(0x2a, 0x7f, 0x62),
    RGBColor(0x7d, 0x4f, 0xb3),
];

/// Each colour with the CSS variable that takes its place in the page.
const ROLES: [(RGBColor, &str); 7] = [
    (INK, "--ink"),
    (MUTED, "--muted"),
    (GRID, "--grid"),
    (SERIES[0], "--series-1"),
    (SERIES[1], "--series-2"),
    (SERIES[2], "--series-3"),
    (SERIES[3], "--series-4"),
];

/// Replaces the colours of a drawn plot with CSS variables.
pub fn themed(svg: &str) -> String {
    ROLES.iter().fold(
        svg.to_owned(),
        |svg, (RGBColor(red, green, blue), variable)| {
            svg.replace(
                &format!("\"#{red:02X}{green:02X}{blue:02X}\""),
                &format!("\"var({variable})\""),
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_a_colour_of_its_own() {
        for (index, (colour, _)) in ROLES.iter().enumerate() {
            assert!(ROLES[index + 1..].iter().all(|(other, _)| other != colour));
        }
    }

    #[test]
    fn colours_become_variables() {
        assert_eq!(
            themed(r##"<a fill="#1C2128"/>"##),
            r#"<a fill="var(--ink)"/>"#
        );
        assert_eq!(
            themed(r##"<a fill="#123456"/>"##),
            r##"<a fill="#123456"/>"##
        );
    }
}
