//! From components to red, green and blue: the conversions of libjpeg (`jdcolor.c`, 16 bits of constants, JFIF's weights), and of inks
//! that of Pillow's `convert("RGB")`.

/// What the components are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    Grey,
    /// Luminance and two colour differences.
    YCbCr,
    Rgb,
    /// Four inks, of which Adobe stores what is left of white.
    Cmyk,
    /// The same with the first three as luminance and colour differences.
    Ycck,
}

impl Colours {
    /// As libjpeg finds them: by the markers of JFIF and Adobe, else by the components' names.
    pub fn of(names: &[u8], jfif: bool, adobe: Option<u8>) -> Self {
        match (names.len(), adobe) {
            (1, _) => Self::Grey,
            (4, None | Some(0)) => Self::Cmyk,
            (4, Some(_)) => Self::Ycck,
            _ if jfif => Self::YCbCr,
            (_, Some(0)) => Self::Rgb,
            (_, None) if names == b"RGB" => Self::Rgb,
            _ => Self::YCbCr,
        }
    }
}

/// A constant in 16 bits.
const fn fixed(x: f64) -> i32 {
    (x * 65536.0 + 0.5) as i32
}

const HALF: i32 = 1 << 15;

#[inline(always)]
fn byte(x: i32) -> u8 {
    x.clamp(0, 255) as u8
}

#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((fixed(1.402) * cr + HALF) >> 16);
    let green = y + ((-fixed(0.34414) * cb - fixed(0.71414) * cr + HALF) >> 16);
    let blue = y + ((fixed(1.772) * cb + HALF) >> 16);
    [byte(red), byte(green), byte(blue)]
}

/// A row of red, green and blue, from rows of components of equal length.
#[inline(always)]
pub(super) fn to_rgb(colours: Colours, rows: &[Vec<u8>], [red, green, blue]: [&mut [u8]; 3]) {
    match (colours, rows) {
        (Colours::YCbCr, [y, cb, cr, ..]) => of_differences([y, cb, cr], [red, green, blue]),
        (Colours::Cmyk, [cyan, magenta, yellow, black]) => {
            each([red, green, blue], |i| of_inks([cyan[i], magenta[i], yellow[i]], black[i]));
        }
        (Colours::Ycck, [y, cb, cr, black]) => {
            each([red, green, blue], |i| of_inks(rgb(y[i], cb[i], cr[i]).map(|x| 255 - x), black[i]));
        }
        (_, [first, second, third, ..]) => {
            red.copy_from_slice(first);
            green.copy_from_slice(second);
            blue.copy_from_slice(third);
        }
        (_, [grey, ..]) => [red, green, blue].into_iter().for_each(|out| out.copy_from_slice(grey)),
        (_, []) => {}
    }
}

/// A fixed number at a time, for whose loop the compiler takes vectors.
#[inline(always)]
fn of_differences([y, cb, cr]: [&[u8]; 3], [red, green, blue]: [&mut [u8]; 3]) {
    const AT_ONCE: usize = 32;
    let (ys, cbs, crs) = (y.as_chunks::<AT_ONCE>(), cb.as_chunks::<AT_ONCE>(), cr.as_chunks::<AT_ONCE>());
    let (reds, greens, blues) =
        (red.as_chunks_mut::<AT_ONCE>(), green.as_chunks_mut::<AT_ONCE>(), blue.as_chunks_mut::<AT_ONCE>());
    let outs = reds.0.iter_mut().zip(greens.0).zip(blues.0);
    for (((y, cb), cr), ((red, green), blue)) in ys.0.iter().zip(cbs.0).zip(crs.0).zip(outs) {
        for i in 0..AT_ONCE {
            let [r, g, b] = rgb(y[i], cb[i], cr[i]);
            (red[i], green[i], blue[i]) = (r, g, b);
        }
    }
    let outs = reds.1.iter_mut().zip(greens.1).zip(blues.1);
    for (((y, cb), cr), ((red, green), blue)) in ys.1.iter().zip(cbs.1).zip(crs.1).zip(outs) {
        [*red, *green, *blue] = rgb(*y, *cb, *cr);
    }
}

fn each([red, green, blue]: [&mut [u8]; 3], pixel: impl Fn(usize) -> [u8; 3]) {
    for (i, ((red, green), blue)) in red.iter_mut().zip(green).zip(blue).enumerate() {
        [*red, *green, *blue] = pixel(i);
    }
}

/// Pillow reads stored inks as what is left of white, and multiplies them by what black leaves.
fn of_inks(left: [u8; 3], black: u8) -> [u8; 3] {
    let white = i32::from(black);
    left.map(|left| {
        // Product over 255, rounded, as Pillow's MULDIV255.
        let product = (255 - i32::from(left)) * white + 128;
        (white - (((product >> 8) + product) >> 8)).clamp(0, 255) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_jfifs() {
        // White, black, and pure red in JFIF: Y = 76, Cb = 85, Cr = 255.
        assert_eq!((rgb(255, 128, 128), rgb(0, 128, 128)), ([255; 3], [0; 3]));
        assert_eq!(rgb(76, 85, 255), [254, 0, 0]);
    }

    #[test]
    fn many_at_once_are_what_one_is() {
        let plane = |factor: usize| (0..500_usize).map(|i| ((i * factor) >> 2) as u8).collect::<Vec<u8>>();
        let (y, cb, cr) = (plane(37), plane(101), plane(59));
        let [mut red, mut green, mut blue] = [vec![0; 500], vec![0; 500], vec![0; 500]];
        of_differences([&y, &cb, &cr], [&mut red, &mut green, &mut blue]);
        for i in 0..500 {
            assert_eq!([red[i], green[i], blue[i]], rgb(y[i], cb[i], cr[i]));
        }
    }

    #[test]
    fn kinds_are_told_by_markers_then_by_names() {
        for (names, jfif, adobe, right) in [
            (&[1][..], false, Some(0), Colours::Grey),
            (&[1, 2, 3], false, None, Colours::YCbCr),
            (b"RGB", false, None, Colours::Rgb),
            (b"RGB", true, None, Colours::YCbCr),
            (&[1, 2, 3], false, Some(0), Colours::Rgb),
            (b"RGB", false, Some(1), Colours::YCbCr),
            (&[1, 2, 3, 4], false, None, Colours::Cmyk),
            (&[1, 2, 3, 4], true, Some(2), Colours::Ycck),
        ] {
            assert_eq!(Colours::of(names, jfif, adobe), right, "{names:?} {jfif} {adobe:?}");
        }
    }

    /// `Image.frombytes("CMYK", (1, 1), …).convert("RGB")` of Pillow 13.0.0, whose inks are 255 less what is stored.
    #[test]
    fn inks_are_pillows() {
        for (stored, right) in
            [([55, 155, 235, 205], [44, 125, 189]), ([255; 4], [255; 3]), ([0, 128, 255, 255], [0, 128, 255])]
        {
            let [c, m, y, k] = stored;
            assert_eq!(of_inks([c, m, y], k), right);
        }
    }
}
