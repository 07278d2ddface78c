"""The OpenSubsonic API, so that players can browse, play, and ask what sounds alike.

https://opensubsonic.netlify.app describes it; ``calls`` says which of its endpoints there are.
"""
