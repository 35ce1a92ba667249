//! What a vector of `f64` can do, written once for every width.

/// Writes the operations on a vector for a set of instructions, whose names alone
/// differ from one width to the next.
///
/// A macro rather than a trait, for what is inlined into a function with
/// instructions of its own must have them too, and a trait's methods cannot.
macro_rules! vector_operations {
    (
        $instructions:literal, $vector:ident of $lanes:literal,
        $load:ident, $store:ident, $splat:ident,
        $add:ident, $sub:ident, $mul:ident, $fma:ident, $fnma:ident $(,)?
    ) => {
        type V = $vector;
        const LANES: usize = $lanes;

        #[inline]
        #[target_feature(enable = $instructions)]
        fn load(from: &[f64; LANES]) -> V {
            // SAFETY: the array has as many bytes as the vector, and need not be aligned.
            #[expect(unsafe_code)]
            unsafe {
                $load(from.as_ptr())
            }
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn store(to: &mut [f64; LANES], v: V) {
            // SAFETY: the array has as many bytes as the vector, and need not be aligned.
            #[expect(unsafe_code)]
            unsafe {
                $store(to.as_mut_ptr(), v);
            }
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn splat(x: f64) -> V {
            $splat(x)
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn add(a: V, b: V) -> V {
            $add(a, b)
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn sub(a: V, b: V) -> V {
            $sub(a, b)
        }

        #[inline]
        #[target_feature(enable = $instructions)]
        fn mul(a: V, b: V) -> V {
            $mul(a, b)
        }

        /// a b + c, rounded once.
        #[inline]
        #[target_feature(enable = $instructions)]
        fn fma(a: V, b: V, c: V) -> V {
            $fma(a, b, c)
        }

        /// c - a b, rounded once.
        #[inline]
        #[target_feature(enable = $instructions)]
        fn fnma(a: V, b: V, c: V) -> V {
            $fnma(a, b, c)
        }
    };
}
pub(super) use vector_operations;
