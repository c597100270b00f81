"""Explanations of seeds (TKRE's explanation-driven knowledge): what is asked, how a response is read and checked."""
