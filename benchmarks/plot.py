"""stub"""


def write(result, folder):
    raise NotImplementedError
